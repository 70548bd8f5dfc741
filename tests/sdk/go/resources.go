// What lives at Google beyond one answer: caches, batches, interactions and Live sessions.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"google.golang.org/genai"
	"google.golang.org/genai/interactions/models/interactions"
	"google.golang.org/genai/interactions/models/operations"
)

const (
	// How often a client comes back to what it keeps: more often than there are projects.
	uses          = 6
	liveTextBytes = 1000000
)

func caches(ctx context.Context) {
	made, err := client(ctx).Caches.Create(ctx, model, &genai.CreateCachedContentConfig{
		Contents: genai.Text("A long text."), DisplayName: "kept", TTL: time.Hour})
	must(err)
	got, err := client(ctx).Caches.Get(ctx, made.Name, nil)
	must(err)
	check(got.DisplayName == "kept", "another cache")
	for range uses {
		answer := generate(ctx, genai.Text("What is it?"), &genai.GenerateContentConfig{CachedContent: made.Name})
		check(answer.UsageMetadata.CachedContentTokenCount > 0, "nothing came from the cache")
	}
	listed := false
	for one, err := range client(ctx).Caches.All(ctx) {
		must(err)
		listed = listed || one.Name == made.Name
	}
	check(listed, "the cache is not listed")
	updated, err := client(ctx).Caches.Update(ctx, made.Name, &genai.UpdateCachedContentConfig{TTL: 2 * time.Hour})
	must(err)
	check(updated.ExpireTime.After(made.ExpireTime), "the cache does not end later")
	_, err = client(ctx).Caches.Delete(ctx, made.Name, nil)
	must(err)
	_, err = client(ctx).Caches.Get(ctx, made.Name, nil)
	check(err != nil, "a deleted cache is still there")
}

func oneBatch(ctx context.Context, source *genai.BatchJobSource) {
	made, err := client(ctx).Batches.Create(ctx, model, source, &genai.CreateBatchJobConfig{DisplayName: "many"})
	must(err)
	stateIs := func(state genai.JobState) {
		got, err := client(ctx).Batches.Get(ctx, made.Name, nil)
		must(err)
		check(got.State == state, fmt.Sprint("the batch is ", got.State))
	}
	stateIs(genai.JobStatePending)
	listed := false
	for one, err := range client(ctx).Batches.All(ctx) {
		must(err)
		listed = listed || one.Name == made.Name
	}
	check(listed, "the batch is not listed")
	must(client(ctx).Batches.Cancel(ctx, made.Name, nil))
	stateIs(genai.JobStateCancelled)
	_, err = client(ctx).Batches.Delete(ctx, made.Name, nil)
	must(err)
	_, err = client(ctx).Batches.Get(ctx, made.Name, nil)
	check(err != nil, "a deleted batch is still there")
}

func batches(ctx context.Context) {
	oneBatch(ctx, &genai.BatchJobSource{InlinedRequests: []*genai.InlinedRequest{{Contents: genai.Text("Hello")}}})
	file, err := client(ctx).Files.Upload(
		ctx, bytes.NewReader([]byte("{}\n")), &genai.UploadFileConfig{MIMEType: "application/jsonl"})
	must(err)
	for range uses {
		oneBatch(ctx, &genai.BatchJobSource{FileName: file.Name})
	}
}

func interact(ctx context.Context, input string, previous *string) *string {
	answer, err := client(ctx).Interactions.Create(ctx, operations.CreateInteractionRequest{
		Body: operations.NewCreateInteractionRequestBody(interactions.CreateModelInteraction{
			Model:                 interactions.Model(model),
			Input:                 genai.Ptr(interactions.NewInteractionsInput(input)),
			PreviousInteractionID: previous,
		})})
	must(err)
	said := answer.Interaction.GetOutputText()
	check(said != nil && *said != "", "no text")
	return answer.Interaction.ID
}

func interacting(ctx context.Context) {
	ids := []*string{interact(ctx, "Hello", nil)}
	for range uses {
		ids = append(ids, interact(ctx, "And again", ids[len(ids)-1]))
	}
	for _, id := range ids {
		get := operations.GetInteractionByIDRequest{ID: *id}
		got, err := client(ctx).Interactions.Get(ctx, get)
		must(err)
		check(got.Interaction.Status == interactions.InteractionStatusCompleted, "it is not completed")
		_, err = client(ctx).Interactions.Delete(ctx, operations.DeleteInteractionRequest{ID: *id})
		must(err)
		_, err = client(ctx).Interactions.Get(ctx, get)
		check(err != nil, "a deleted interaction is still there")
	}
}

// In its session what is said comes back. Its address is wss:// even of a base URL with http://.
func liveSession(ctx context.Context, said []string) {
	session, err := clientAt(ctx, "TLS_PROXIES").Live.Connect(ctx, model, nil)
	must(err)
	defer session.Close()
	for _, text := range said {
		must(session.SendClientContent(genai.LiveClientContentInput{Turns: genai.Text(text)}))
		heard := ""
		for ended := false; !ended; {
			message, err := session.Receive()
			must(err)
			if message.ServerContent == nil {
				continue
			}
			if turn := message.ServerContent.ModelTurn; turn != nil {
				heard += turn.Parts[0].Text
			}
			ended = message.ServerContent.TurnComplete
		}
		check(heard == text, fmt.Sprintf("%d characters came back for %d", len(heard), len(text)))
	}
}

func live(ctx context.Context) {
	random := make([]byte, liveTextBytes)
	_, err := rand.Read(random)
	must(err)
	long := base64.StdEncoding.EncodeToString(random)[:liveTextBytes]
	for range 2 {
		liveSession(ctx, []string{"Hello", long, "And again"})
	}
}
