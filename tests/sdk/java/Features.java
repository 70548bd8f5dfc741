// One feature after the other with Google's Java client; a line of JSON for each on standard output.
// usage: java -cp 'lib/*:classes' Features

import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.genai.AsyncSession;
import com.google.genai.Chat;
import com.google.genai.Client;
import com.google.genai.ResponseStream;
import com.google.genai.gaos.models.interactions.CreateModelInteraction;
import com.google.genai.gaos.models.interactions.Interaction;
import com.google.genai.gaos.models.interactions.InteractionStatus;
import com.google.genai.gaos.models.interactions.InteractionsInput;
import com.google.genai.gaos.models.operations.CreateInteractionRequestBody;
import com.google.genai.gaos.models.operations.GetInteractionByIdRequest;
import com.google.genai.types.BatchJob;
import com.google.genai.types.BatchJobSource;
import com.google.genai.types.CachedContent;
import com.google.genai.types.Content;
import com.google.genai.types.CreateBatchJobConfig;
import com.google.genai.types.CreateCachedContentConfig;
import com.google.genai.types.File;
import com.google.genai.types.FunctionDeclaration;
import com.google.genai.types.GenerateContentConfig;
import com.google.genai.types.GenerateContentResponse;
import com.google.genai.types.HttpOptions;
import com.google.genai.types.InlinedRequest;
import com.google.genai.types.ListBatchJobsConfig;
import com.google.genai.types.LiveSendClientContentParameters;
import com.google.genai.types.Part;
import com.google.genai.types.Tool;
import com.google.genai.types.UpdateCachedContentConfig;
import com.google.genai.types.UploadFileConfig;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

public final class Features {
  private interface Feature {
    void run() throws Exception;
  }

  private static final String MODEL = "gemini-2.5-flash";
  private static final String[] PROXIES = System.getenv("PROXIES").split(",");
  // The same proxies by HTTPS.
  private static final String[] TLS_PROXIES = System.getenv("TLS_PROXIES").split(",");
  // How often a client comes back to what it keeps at Google: more often than there are projects.
  private static final int USES = 6;
  private static final int LIVE_TEXT_BYTES = 1_000_000;
  private static final int LIVE_SECONDS = 60;
  private static int calls = 0;

  // The other proxy than the one before.
  private static Client client() {
    return clientAt(PROXIES);
  }

  private static Client clientAt(String[] addresses) {
    HttpOptions options =
        HttpOptions.builder().baseUrl(addresses[calls++ % addresses.length]).build();
    return Client.builder().apiKey("pool").httpOptions(options).build();
  }

  private static void check(boolean holds, Object otherwise) {
    if (!holds) throw new AssertionError(otherwise);
  }

  private static void fails(Feature call, String otherwise) {
    try {
      call.run();
    } catch (Exception e) {
      return;
    }
    throw new AssertionError(otherwise);
  }

  private static int chunks(String model, int most) {
    int count = 0;
    try (ResponseStream<GenerateContentResponse> stream =
        client().models.generateContentStream(model, "Hello", null)) {
      for (GenerateContentResponse chunk : stream) {
        if (++count == most) break;
      }
    }
    return count;
  }

  private static void tools() {
    FunctionDeclaration weather =
        FunctionDeclaration.builder()
            .name("weather")
            .description("The weather in a city.")
            .parametersJsonSchema(
                Map.of("type", "object", "properties", Map.of("city", Map.of("type", "string"))))
            .build();
    GenerateContentConfig config =
        GenerateContentConfig.builder()
            .tools(Tool.builder().functionDeclarations(weather).build())
            .build();
    GenerateContentResponse asked = client().models.generateContent(MODEL, "Hello", config);
    check(asked.functionCalls().get(0).name().get().equals("weather"), asked);
    List<Content> told =
        List.of(
            Content.fromParts(Part.fromText("Hello")),
            asked.candidates().get().get(0).content().get(),
            Content.fromParts(Part.fromFunctionResponse("weather", Map.of("sky", "clear"))));
    check(!client().models.generateContent(MODEL, told, config).text().isEmpty(), "no text");
  }

  private static void files() {
    byte[] content = new byte[20 << 20];
    new Random().nextBytes(content);
    File file =
        client().files.upload(content, UploadFileConfig.builder().mimeType("text/plain").build());
    String name = file.name().get();
    check(file.sizeBytes().get() == content.length, file.sizeBytes());
    check(client().files.get(name, null).name().get().equals(name), "another file");
    Content asks =
        Content.fromParts(
            Part.fromText("What is it?"), Part.fromUri(file.uri().get(), "text/plain"));
    for (int use = 0; use < 12; ++use) {
      check(!client().models.generateContent(MODEL, asks, null).text().isEmpty(), "no text");
    }
    boolean listed = false;
    for (File one : client().files.list(null)) listed |= one.name().get().equals(name);
    check(listed, "the file is not listed");
    client().files.delete(name, null);
    fails(() -> client().files.get(name, null), "a deleted file is still there");
  }

  private static void caches() {
    Content content = Content.fromParts(Part.fromText("A long text."));
    CachedContent made =
        client()
            .caches
            .create(
                MODEL,
                CreateCachedContentConfig.builder()
                    .contents(content)
                    .displayName("kept")
                    .ttl(Duration.ofHours(1))
                    .build());
    String name = made.name().get();
    check(client().caches.get(name, null).displayName().get().equals("kept"), "another cache");
    GenerateContentConfig with = GenerateContentConfig.builder().cachedContent(name).build();
    for (int use = 0; use < USES; ++use) {
      GenerateContentResponse answer = client().models.generateContent(MODEL, "What is it?", with);
      check(answer.usageMetadata().get().cachedContentTokenCount().get() > 0, answer);
    }
    boolean listed = false;
    for (CachedContent one : client().caches.list(null)) listed |= one.name().get().equals(name);
    check(listed, "the cache is not listed");
    CachedContent updated =
        client()
            .caches
            .update(name, UpdateCachedContentConfig.builder().ttl(Duration.ofHours(2)).build());
    check(updated.expireTime().get().isAfter(made.expireTime().get()), updated);
    client().caches.delete(name, null);
    fails(() -> client().caches.get(name, null), "a deleted cache is still there");
  }

  private static void oneBatch(BatchJobSource source) {
    CreateBatchJobConfig config = CreateBatchJobConfig.builder().displayName("many").build();
    String name = client().batches.create(MODEL, source, config).name().get();
    check(stateOf(name).equals("JOB_STATE_PENDING"), stateOf(name));
    boolean listed = false;
    for (BatchJob one : client().batches.list(ListBatchJobsConfig.builder().build())) {
      listed |= one.name().get().equals(name);
    }
    check(listed, "the batch is not listed");
    client().batches.cancel(name, null);
    check(stateOf(name).equals("JOB_STATE_CANCELLED"), stateOf(name));
    client().batches.delete(name, null);
    fails(() -> stateOf(name), "a deleted batch is still there");
  }

  private static String stateOf(String batch) {
    return client().batches.get(batch, null).state().get().toString();
  }

  private static void batches() {
    Content hello = Content.fromParts(Part.fromText("Hello"));
    oneBatch(
        BatchJobSource.builder()
            .inlinedRequests(InlinedRequest.builder().contents(hello).build())
            .build());
    File file =
        client()
            .files
            .upload(
                "{}\n".getBytes(StandardCharsets.UTF_8),
                UploadFileConfig.builder().mimeType("application/jsonl").build());
    for (int use = 0; use < USES; ++use) {
      oneBatch(BatchJobSource.builder().fileName(file.name().get()).build());
    }
  }

  private static String interact(String said, String previous) {
    CreateModelInteraction.Builder asks =
        CreateModelInteraction.builder().model(MODEL).input(InteractionsInput.of(said));
    if (previous != null) asks.previousInteractionId(previous);
    Interaction answer =
        client()
            .interactions
            .create(CreateInteractionRequestBody.of(asks.build()))
            .interaction()
            .get();
    check(!answer.outputText().get().isEmpty(), answer);
    return answer.id().get();
  }

  private static Interaction interaction(String id) {
    return client()
        .interactions
        .get(GetInteractionByIdRequest.builder().id(id).build())
        .interaction()
        .get();
  }

  private static void interactions() {
    List<String> ids = new ArrayList<>(List.of(interact("Hello", null)));
    for (int use = 0; use < USES; ++use) {
      ids.add(interact("And again", ids.get(ids.size() - 1)));
    }
    for (String id : ids) {
      check(interaction(id).status().get().equals(InteractionStatus.COMPLETED), id);
      client().interactions.delete(id);
      fails(() -> interaction(id), "a deleted interaction is still there");
    }
  }

  // Says it in a Live session, and waits until it has come back.
  private static void converse(AsyncSession session, String said) throws Exception {
    StringBuilder heard = new StringBuilder();
    CompletableFuture<Void> ended = new CompletableFuture<>();
    session.receive(
        message ->
            message
                .serverContent()
                .ifPresent(
                    content -> {
                      content.modelTurn().ifPresent(turn -> heard.append(turn.text()));
                      if (content.turnComplete().orElse(false)) ended.complete(null);
                    }));
    session
        .sendClientContent(
            LiveSendClientContentParameters.builder()
                .turns(Content.fromParts(Part.fromText(said)))
                .turnComplete(true)
                .build())
        .get();
    ended.get(LIVE_SECONDS, TimeUnit.SECONDS);
    check(heard.toString().equals(said), heard.length() + " came back for " + said.length());
  }

  // Its address is wss:// even of a base URL with http://.
  private static void live() throws Exception {
    byte[] random = new byte[LIVE_TEXT_BYTES];
    new Random().nextBytes(random);
    String text = Base64.getEncoder().encodeToString(random).substring(0, LIVE_TEXT_BYTES);
    for (int i = 0; i < TLS_PROXIES.length; ++i) {
      AsyncSession session = clientAt(TLS_PROXIES).async.live.connect(MODEL, null).get();
      for (String said : List.of("Hello", text, "And again")) converse(session, said);
      session.close().get();
    }
  }

  private static Map<String, Feature> features() {
    Map<String, Feature> features = new LinkedHashMap<>();
    features.put(
        "text",
        () -> {
          GenerateContentResponse answer = client().models.generateContent(MODEL, "Hello", null);
          check(!answer.text().isEmpty(), "no text");
          check(answer.usageMetadata().get().promptTokenCount().get() > 0, "no usage");
        });
    features.put("stream", () -> check(chunks(MODEL, 1000) > 1, "one chunk only"));
    features.put(
        "chat",
        () -> {
          Chat chat = client().chats.create(MODEL);
          check(!chat.sendMessage("Hello").text().isEmpty(), "no text");
          check(!chat.sendMessage("And again").text().isEmpty(), "no text");
          check(chat.getHistory(false).size() == 4, "the history has not 4 entries");
        });
    features.put("tools", Features::tools);
    features.put(
        "countTokens",
        () ->
            check(
                client().models.countTokens(MODEL, "Hello there", null).totalTokens().get() > 0,
                "no tokens"));
    features.put(
        "embeddings",
        () ->
            check(
                client()
                        .models
                        .embedContent("gemini-embedding-001", List.of("one", "two"), null)
                        .embeddings()
                        .get()
                        .size()
                    == 2,
                "not two embeddings"));
    features.put(
        "models",
        () -> {
          boolean[] found = {false};
          client().models.list(null).forEach(m -> found[0] |= m.name().get().endsWith(MODEL));
          check(found[0], "the model is not listed");
        });
    features.put("files", Features::files);
    features.put(
        "abort", () -> check(chunks(System.getenv("HANG_MODEL"), 1) == 1, "no piece came"));
    features.put(
        "cut", () -> fails(() -> chunks(System.getenv("CUT_MODEL"), 1000), "it seemed complete"));
    features.put("caches", Features::caches);
    features.put("batches", Features::batches);
    features.put("interactions", Features::interactions);
    features.put("Live", Features::live);
    return features;
  }

  public static void main(String[] args) throws Exception {
    ObjectMapper json = new ObjectMapper();
    for (Map.Entry<String, Feature> feature : features().entrySet()) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("feature", feature.getKey());
      row.put("ok", true);
      try {
        feature.getValue().run();
      } catch (Throwable e) {
        row.put("ok", false);
        row.put("detail", e.toString());
      }
      System.out.println(json.writeValueAsString(row));
    }
    System.exit(0); // The client's threads linger.
  }
}
