// Java 11 or later, without a library: java ModelArtsExample.java
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class ModelArtsExample {
    static final String URL = System.getenv().getOrDefault("MODELARTS_EMULATOR_URL", "http://127.0.0.1:8765");
    static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    static HttpResponse<String> call(String method, String path, String body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(URL + path))
                .header("Content-Type", "application/json")
                .header("Authorization", "any")
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
                .build();
        return CLIENT.send(request, BodyHandlers.ofString());
    }

    static String member(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\":\\s*\"?([^\",}\\]]+)").matcher(json);
        if (!found.find()) throw new AssertionError(name + " is missing in " + json);
        return found.group(1);
    }

    static void require(boolean condition, String message) {
        if (!condition) throw new AssertionError(message);
    }

    public static void main(String[] arguments) throws Exception {
        String project = "project-" + UUID.randomUUID();
        String bucket = "bucket-" + UUID.randomUUID();
        require(call("PUT", "/" + bucket, null).statusCode() == 200, "create the bucket");
        require(call("PUT", "/" + bucket + "/in/texts.txt", "first\nsecond\n").statusCode() == 200, "put an object");

        HttpResponse<String> created = call("POST", "/v2/" + project + "/datasets",
                "{\"dataset_name\": \"texts\", \"dataset_type\": 100, \"work_path_type\": 0, \"work_path\": \"/" + bucket
                        + "/out/\", \"data_sources\": [{\"data_type\": 0, \"data_path\": \"/" + bucket + "/in/\"}]}");
        require(created.statusCode() == 201, created.body());
        call("POST", "/_emulator/wait-idle?project_id=" + project, null);

        String dataset = "/v2/" + project + "/datasets/" + member(created.body(), "dataset_id");
        String samples = dataset + "/data-annotations/samples";
        String page = call("GET", samples, null).body();
        require(member(page, "sample_count").equals("2"), page);
        String label = "{\"samples\": [{\"sample_id\": \"" + member(page, "sample_id")
                + "\", \"labels\": [{\"name\": \"greeting\", \"type\": 100}]}]}";
        require(call("PUT", samples, label).statusCode() == 200, "label a sample");
        String labelled = call("GET", samples + "?label_name=greeting", null).body();
        require(member(labelled, "sample_count").equals("1"), labelled);

        call("POST", "/_emulator/faults", "{\"operation\": \"DescDataset\", \"project_id\": \"" + project
                + "\", \"status\": 503, \"times\": 1}");
        require(call("GET", dataset, null).statusCode() == 503, "the fault hits once");
        require(call("GET", dataset, null).statusCode() == 200, "and then no more");
        System.out.println("all as expected");
    }
}
