#!/bin/bash
# One feature after the other in the way of the curl samples of Google's documentation; a line of JSON for each on standard output.
# usage: curl/clients.sh, with PROXIES and CUT_MODEL in the environment
set -euo pipefail

MODEL=gemini-2.5-flash
EMBEDDING_MODEL=gemini-embedding-001
GEMINI_API_KEY=pool
IFS=, read -ra proxies <<< "$PROXIES"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
calls=0

# The other proxy than the one before.
next_proxy() {
  base=${proxies[calls % ${#proxies[@]}]}
  calls=$((calls + 1))
}

ask() { # METHOD-OF-A-MODEL BODY [CURL-FLAG…]
  local method=$1 body=$2
  shift 2
  next_proxy
  curl -sS --fail-with-body "$base/v1beta/models/$method" -H "x-goog-api-key: $GEMINI_API_KEY" \
    -H 'Content-Type: application/json' -X POST -d "$body" "$@"
}

hello='{"contents": [{"parts": [{"text": "Hello"}]}]}'

text() { ask "$MODEL:generateContent" "$hello" | jq -e '.candidates[0].content.parts[0].text | length > 0' > /dev/null; }

# With the key in the query, as many programs still do.
stream() {
  next_proxy
  curl -sS --fail-with-body --no-buffer "$base/v1beta/models/$MODEL:streamGenerateContent?alt=sse&key=$GEMINI_API_KEY" \
    -H 'Content-Type: application/json' -d "$hello" > "$work/stream"
  [ "$(grep -c '^data: ' "$work/stream")" -gt 1 ]
}

chat() {
  ask "$MODEL:generateContent" '{"contents": [{"role": "user", "parts": [{"text": "Hello"}]}, {"role": "model", "parts": [{"text": "Hi"}]},
    {"role": "user", "parts": [{"text": "And again"}]}]}' | jq -e '.candidates[0].content.role == "model"' > /dev/null
}

tools() {
  ask "$MODEL:generateContent" '{"contents": [{"parts": [{"text": "Hello"}]}], "tools": [{"functionDeclarations": [{"name": "weather"}]}]}' |
    jq -e '.candidates[0].content.parts[0].functionCall.name == "weather"' > /dev/null
}

count_tokens() { ask "$MODEL:countTokens" "$hello" | jq -e '.totalTokens > 0' > /dev/null; }

embeddings() {
  ask "$EMBEDDING_MODEL:embedContent" '{"content": {"parts": [{"text": "one"}]}}' | jq -e '.embedding.values | length > 0' > /dev/null
}

models() {
  next_proxy
  curl -sS --fail-with-body "$base/v1beta/models?key=$GEMINI_API_KEY" | jq -e --arg name "models/$MODEL" \
    'any(.models[]; .name == $name)' > /dev/null
}

# The documentation's way: the address to upload to is in the head of the first answer, and no key goes with the bytes.
files() {
  head -c $((20 << 20)) /dev/urandom > "$work/file"
  next_proxy
  curl -sS --fail-with-body "$base/upload/v1beta/files?key=$GEMINI_API_KEY" -D "$work/head" -o /dev/null \
    -H 'X-Goog-Upload-Protocol: resumable' -H 'X-Goog-Upload-Command: start' \
    -H "X-Goog-Upload-Header-Content-Length: $((20 << 20))" -H 'X-Goog-Upload-Header-Content-Type: text/plain' \
    -H 'Content-Type: application/json' -d '{"file": {"display_name": "TEXT"}}'
  local url
  url=$(grep -i '^x-goog-upload-url: ' "$work/head" | cut -d' ' -f2 | tr -d '\r')
  curl -sS --fail-with-body "$url" -H "Content-Length: $((20 << 20))" -H 'X-Goog-Upload-Offset: 0' \
    -H 'X-Goog-Upload-Command: upload, finalize' --data-binary "@$work/file" > "$work/info"
  local uri name
  uri=$(jq -er .file.uri "$work/info")
  name=$(jq -er .file.name "$work/info")
  for _ in {1..12}; do
    ask "$MODEL:generateContent" "{\"contents\": [{\"parts\": [{\"text\": \"What is it?\"},
      {\"file_data\": {\"mime_type\": \"text/plain\", \"file_uri\": \"$uri\"}}]}]}" | jq -e .candidates > /dev/null
  done
  next_proxy
  curl -sS --fail-with-body "$base/v1beta/files?key=$GEMINI_API_KEY" | jq -e --arg name "$name" 'any(.files[]; .name == $name)' > /dev/null
  next_proxy
  curl -sS --fail-with-body -X DELETE "$base/v1beta/$name?key=$GEMINI_API_KEY" > /dev/null
  next_proxy
  ! curl -sS --fail "$base/v1beta/$name?key=$GEMINI_API_KEY" > /dev/null 2>&1
}

abort() {
  next_proxy
  curl -sS --no-buffer "$base/v1beta/models/$MODEL:streamGenerateContent?alt=sse&key=$GEMINI_API_KEY" \
    -H 'Content-Type: application/json' -d "$hello" 2> /dev/null | head -c 20 > "$work/start" || true
  [ -s "$work/start" ]
}

# curl ends with 18 when an answer is not whole.
cut_short() {
  local code=0
  ask "$CUT_MODEL:streamGenerateContent?alt=sse" "$hello" > /dev/null 2>&1 || code=$?
  [ "$code" -eq 18 ]
}

run() { # FEATURE FUNCTION
  if (set -e; "$2") 2> "$work/error"; then
    jq -cn --arg feature "$1" '{feature: $feature, ok: true}'
  else
    jq -cn --arg feature "$1" --rawfile detail "$work/error" '{feature: $feature, ok: false, detail: $detail}'
  fi
  calls=$((calls + 1)) # functions run in a process of their own
}

run text text
run stream stream
run chat chat
run tools tools
run countTokens count_tokens
run embeddings embeddings
run models models
run files files
run abort abort
run cut cut_short
