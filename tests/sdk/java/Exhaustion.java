// What Google's Java client makes of a pool in which no key can serve; a line of JSON for each
// feature.
// usage: java -cp 'lib/*:classes' Exhaustion

import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.genai.Client;
import com.google.genai.errors.ClientException;
import com.google.genai.types.HttpOptions;
import com.google.genai.types.HttpRetryOptions;
import java.util.LinkedHashMap;
import java.util.Map;

public final class Exhaustion {
  private interface Feature {
    void run() throws Exception;
  }

  private static final String DAY_MODEL = System.getenv("DAY_MODEL");
  private static final String NEAR_MODEL = System.getenv("NEAR_MODEL");

  // The client's usual 5 attempts. Its pauses are diced: anything up to twice 1, 2, 4, 8 and 16
  // seconds, whatever the answer says. Without dice one run is like another; a shorter first pause
  // makes the same attempts in less time.
  private static Client clientWithFirstPause(double seconds) {
    HttpRetryOptions retries = HttpRetryOptions.builder().initialDelay(seconds).jitter(0.0).build();
    return Client.builder()
        .apiKey("pool")
        .httpOptions(
            HttpOptions.builder().baseUrl(System.getenv("PROXY")).retryOptions(retries).build())
        .build();
  }

  private static void check(boolean holds, Object otherwise) {
    if (!holds) throw new AssertionError(otherwise);
  }

  private static void isRefused(Feature call) throws Exception {
    try {
      call.run();
    } catch (ClientException e) {
      check(e.code() == 429, e.code());
      check(e.status().equals("RESOURCE_EXHAUSTED"), e.status());
      check(e.message().contains("of the pool"), e.message());
      check(e.message().contains("PerDay"), e.message());
      check(e.message().contains("retryDelay"), e.message());
      return;
    }
    throw new AssertionError("was not refused");
  }

  public static void main(String[] args) throws Exception {
    Client quick = clientWithFirstPause(0.05);
    Map<String, Feature> features = new LinkedHashMap<>();
    Feature unary = () -> quick.models.generateContent(DAY_MODEL, "Hello", null);
    Feature stream = () -> quick.models.generateContentStream(DAY_MODEL, "Hello", null).close();
    features.put("day", () -> isRefused(unary));
    features.put("day stream", () -> isRefused(stream));
    features.put(
        "waits",
        () -> {
          Client client = clientWithFirstPause(1);
          String text = client.models.generateContent(NEAR_MODEL, "Hello", null).text();
          check(text.contains("Hello"), text);
        });
    ObjectMapper json = new ObjectMapper();
    for (Map.Entry<String, Feature> feature : features.entrySet()) {
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
