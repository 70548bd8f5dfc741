// One feature after the other with Google's Java client; a line of JSON for each on standard output.
// usage: java -cp 'lib/*' Features.java

import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.genai.Chat;
import com.google.genai.Client;
import com.google.genai.ResponseStream;
import com.google.genai.types.Content;
import com.google.genai.types.File;
import com.google.genai.types.FunctionDeclaration;
import com.google.genai.types.GenerateContentConfig;
import com.google.genai.types.GenerateContentResponse;
import com.google.genai.types.HttpOptions;
import com.google.genai.types.Part;
import com.google.genai.types.Tool;
import com.google.genai.types.UploadFileConfig;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

public final class Features {
  private interface Feature {
    void run() throws Exception;
  }

  private static final String MODEL = "gemini-2.5-flash";
  private static final String[] PROXIES = System.getenv("PROXIES").split(",");
  private static int calls = 0;

  // The other proxy than the one before.
  private static Client client() {
    HttpOptions options =
        HttpOptions.builder().baseUrl(PROXIES[calls++ % PROXIES.length]).build();
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
    features.put("abort", () -> check(chunks(MODEL, 1) == 1, "no piece came"));
    features.put(
        "cut", () -> fails(() -> chunks(System.getenv("CUT_MODEL"), 1000), "it seemed complete"));
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
