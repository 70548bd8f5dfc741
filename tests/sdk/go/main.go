// One feature after the other with Google's client for Go; a line of JSON for each on standard output.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"google.golang.org/genai"
)

const (
	model          = "gemini-2.5-flash"
	embeddingModel = "gemini-embedding-001"
	fileBytes      = 20 << 20
	fileUses       = 12
)

var calls int

// client uses the other proxy than the one before.
func client(ctx context.Context) *genai.Client { return clientAt(ctx, "PROXIES") }

// clientAt does so with the addresses that the environment has under `name`.
func clientAt(ctx context.Context, name string) *genai.Client {
	proxies := strings.Split(os.Getenv(name), ",")
	calls++
	c, err := genai.NewClient(ctx, &genai.ClientConfig{
		APIKey:      "pool",
		Backend:     genai.BackendGeminiAPI,
		HTTPOptions: genai.HTTPOptions{BaseURL: proxies[calls%len(proxies)]},
	})
	must(err)
	return c
}

type failure struct{ text string }

func must(err error) {
	if err != nil {
		panic(failure{err.Error()})
	}
}

func check(ok bool, what string) {
	if !ok {
		panic(failure{what})
	}
}

func generate(ctx context.Context, contents []*genai.Content, config *genai.GenerateContentConfig) *genai.GenerateContentResponse {
	answer, err := client(ctx).Models.GenerateContent(ctx, model, contents, config)
	must(err)
	return answer
}

func text(ctx context.Context) {
	answer := generate(ctx, genai.Text("Hello"), nil)
	check(answer.Text() != "", "no text")
	check(answer.UsageMetadata.PromptTokenCount > 0, "no usage")
}

func stream(ctx context.Context) {
	chunks := 0
	for chunk, err := range client(ctx).Models.GenerateContentStream(ctx, model, genai.Text("Hello"), nil) {
		must(err)
		check(chunk.Text() != "", "an empty chunk")
		chunks++
	}
	check(chunks > 1, "one chunk only")
}

func chat(ctx context.Context) {
	conversation, err := client(ctx).Chats.Create(ctx, model, nil, nil)
	must(err)
	for _, said := range []string{"Hello", "And again"} {
		answer, err := conversation.SendMessage(ctx, genai.Part{Text: said})
		must(err)
		check(answer.Text() != "", "no text")
	}
	check(len(conversation.History(false)) == 4, "the history has not 4 entries")
}

func tools(ctx context.Context) {
	config := &genai.GenerateContentConfig{Tools: []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{{
		Name:        "weather",
		Description: "The weather in a city.",
		ParametersJsonSchema: map[string]any{
			"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}},
	}}}}}
	asked := generate(ctx, genai.Text("Hello"), config)
	check(len(asked.FunctionCalls()) == 1 && asked.FunctionCalls()[0].Name == "weather", "no call of weather")
	told := generate(ctx, append(genai.Text("Hello"), asked.Candidates[0].Content, genai.NewContentFromFunctionResponse(
		"weather", map[string]any{"sky": "clear"}, genai.RoleUser)), config)
	check(told.Text() != "", "no text")
}

func countTokens(ctx context.Context) {
	answer, err := client(ctx).Models.CountTokens(ctx, model, genai.Text("Hello there"), nil)
	must(err)
	check(answer.TotalTokens > 0, "no tokens")
}

func embeddings(ctx context.Context) {
	contents := append(genai.Text("one"), genai.Text("two")...)
	answer, err := client(ctx).Models.EmbedContent(ctx, embeddingModel, contents, nil)
	must(err)
	check(len(answer.Embeddings) == 2 && len(answer.Embeddings[0].Values) > 0, "not two embeddings")
}

func models(ctx context.Context) {
	found := false
	for listed, err := range client(ctx).Models.All(ctx) {
		must(err)
		found = found || listed.Name == "models/"+model
	}
	check(found, "the model is not listed")
}

func files(ctx context.Context) {
	content := make([]byte, fileBytes)
	_, err := rand.Read(content)
	must(err)
	file, err := client(ctx).Files.Upload(ctx, bytes.NewReader(content), &genai.UploadFileConfig{MIMEType: "text/plain"})
	must(err)
	check(file.SizeBytes != nil && *file.SizeBytes == fileBytes, "another size")
	got, err := client(ctx).Files.Get(ctx, file.Name, nil)
	must(err)
	check(got.Name == file.Name, "another file")
	for range fileUses {
		parts := []*genai.Part{genai.NewPartFromURI(file.URI, file.MIMEType), {Text: "What is it?"}}
		answer := generate(ctx, []*genai.Content{genai.NewContentFromParts(parts, genai.RoleUser)}, nil)
		check(answer.Text() != "", "no text")
	}
	listed := false
	for one, err := range client(ctx).Files.All(ctx) {
		must(err)
		listed = listed || one.Name == file.Name
	}
	check(listed, "the file is not listed")
	_, err = client(ctx).Files.Delete(ctx, file.Name, nil)
	must(err)
	_, err = client(ctx).Files.Get(ctx, file.Name, nil)
	check(err != nil, "a deleted file is still there")
}

func abort(ctx context.Context) {
	aborted, cancel := context.WithCancel(ctx)
	defer cancel()
	chunks := 0
	for _, err := range client(ctx).Models.GenerateContentStream(aborted, os.Getenv("HANG_MODEL"), genai.Text("Hello"), nil) {
		if err != nil {
			break
		}
		chunks++
		cancel()
	}
	check(chunks > 0, "no piece came")
}

func cut(ctx context.Context) {
	var last error
	for _, err := range client(ctx).Models.GenerateContentStream(ctx, os.Getenv("CUT_MODEL"), genai.Text("Hello"), nil) {
		last = err
	}
	check(last != nil, "the stream seemed complete")
}

func run(feature string, do func(context.Context)) {
	row := map[string]any{"feature": feature, "ok": true}
	defer func() {
		if caught := recover(); caught != nil {
			row["ok"], row["detail"] = false, fmt.Sprint(caught)
		}
		line, _ := json.Marshal(row)
		fmt.Println(string(line))
	}()
	do(context.Background())
}

func main() {
	run("text", text)
	run("stream", stream)
	run("chat", chat)
	run("tools", tools)
	run("countTokens", countTokens)
	run("embeddings", embeddings)
	run("models", models)
	run("files", files)
	run("caches", caches)
	run("batches", batches)
	run("interactions", interacting)
	run("abort", abort)
	run("cut", cut)
	run("Live", live)
}
