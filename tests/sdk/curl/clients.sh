#!/bin/bash
# One feature after the other in the way of the curl samples of Google's documentation; a line of JSON for each on standard output.
# usage: curl/clients.sh, with PROXIES, CUT_MODEL and HANG_MODEL in the environment
set -euo pipefail

MODEL=gemini-2.5-flash
EMBEDDING_MODEL=gemini-embedding-001
USES=6 # of what is kept at Google: more than there are projects
GEMINI_API_KEY=pool
IFS=, read -ra proxies <<< "$PROXIES"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The other proxy than the one before, of whatever process of this program that was.
next_proxy() {
  echo >> "$work/calls"
  base=${proxies[$(wc -l < "$work/calls") % ${#proxies[@]}]}
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
upload() { # BYTES TYPE, then what Google says of it is in $work/info
  head -c "$1" /dev/urandom > "$work/file"
  next_proxy
  curl -sS --fail-with-body "$base/upload/v1beta/files?key=$GEMINI_API_KEY" -D "$work/head" -o /dev/null \
    -H 'X-Goog-Upload-Protocol: resumable' -H 'X-Goog-Upload-Command: start' \
    -H "X-Goog-Upload-Header-Content-Length: $1" -H "X-Goog-Upload-Header-Content-Type: $2" \
    -H 'Content-Type: application/json' -d '{"file": {"display_name": "TEXT"}}'
  local url
  url=$(grep -i '^x-goog-upload-url: ' "$work/head" | cut -d' ' -f2 | tr -d '\r')
  curl -sS --fail-with-body "$url" -H "Content-Length: $1" -H 'X-Goog-Upload-Offset: 0' \
    -H 'X-Goog-Upload-Command: upload, finalize' --data-binary "@$work/file" > "$work/info"
}

files() {
  upload $((20 << 20)) text/plain
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

get() { # PATH [CURL-FLAG…]
  next_proxy
  curl -sS --fail-with-body "$base/v1beta/$1" -H "x-goog-api-key: $GEMINI_API_KEY" "${@:2}"
}

send() { # METHOD PATH BODY
  get "$2" -X "$1" -H 'Content-Type: application/json' -d "$3"
}

is_gone() { ! get "$1" > /dev/null 2>&1; }

lists() { # COLLECTION MEMBER NAME
  get "$1" | jq -e --arg member "$2" --arg name "$3" 'any(.[$member][]; .name == $name)' > /dev/null
}

caches() {
  local made name
  made=$(send POST cachedContents "{\"model\": \"models/$MODEL\", \"ttl\": \"3600s\",
    \"contents\": [{\"role\": \"user\", \"parts\": [{\"text\": \"A long text.\"}]}]}")
  name=$(jq -er .name <<< "$made")
  get "$name" | jq -e '.model != ""' > /dev/null
  for _ in $(seq "$USES"); do
    ask "$MODEL:generateContent" "{\"contents\": [{\"parts\": [{\"text\": \"What is it?\"}]}], \"cachedContent\": \"$name\"}" |
      jq -e '.usageMetadata.cachedContentTokenCount > 0' > /dev/null
  done
  lists cachedContents cachedContents "$name"
  send PATCH "$name" '{"ttl": "7200s"}' | jq -e --argjson made "$made" '.expireTime > $made.expireTime' > /dev/null
  send DELETE "$name" '' > /dev/null
  is_gone "$name"
}

one_batch() { # INPUT-CONFIG
  local name
  name=$(send POST "models/$MODEL:batchGenerateContent" "{\"batch\": {\"display_name\": \"many\", \"input_config\": $1}}" | jq -er .name)
  get "$name" | jq -e '.metadata.state == "BATCH_STATE_PENDING"' > /dev/null
  lists batches operations "$name"
  send POST "$name:cancel" '' > /dev/null
  get "$name" | jq -e '.metadata.state == "BATCH_STATE_CANCELLED"' > /dev/null
  send DELETE "$name" '' > /dev/null
  is_gone "$name"
}

batches() {
  one_batch "{\"requests\": {\"requests\": [{\"request\": $hello}]}}"
  upload "$((1 << 10))" application/jsonl
  for _ in $(seq "$USES"); do
    one_batch "{\"file_name\": \"$(jq -er .file.name "$work/info")\"}"
  done
}

interactions() {
  local id
  local -a ids
  ids=("$(send POST interactions "{\"model\": \"$MODEL\", \"input\": \"Hello\"}" | jq -er .id)")
  for _ in $(seq "$USES"); do
    ids+=("$(send POST interactions "{\"model\": \"$MODEL\", \"input\": \"And again\",
      \"previous_interaction_id\": \"${ids[-1]}\"}" | jq -er .id)")
  done
  for id in "${ids[@]}"; do
    get "interactions/$id" | jq -e '.status == "completed"' > /dev/null
    send DELETE "interactions/$id" '' > /dev/null
    is_gone "interactions/$id"
  done
}

abort() {
  mkfifo "$work/pipe"
  next_proxy
  curl -sS --no-buffer "$base/v1beta/models/$HANG_MODEL:streamGenerateContent?alt=sse&key=$GEMINI_API_KEY" \
    -H 'Content-Type: application/json' -d "$hello" > "$work/pipe" &
  local first
  read -r first < "$work/pipe"
  kill $!
  [[ $first == data:* ]]
}

# curl ends with 18 when an answer is not whole.
cut_short() {
  local code=0
  ask "$CUT_MODEL:streamGenerateContent?alt=sse" "$hello" > /dev/null 2>&1 || code=$?
  [ "$code" -eq 18 ]
}

run() { # FEATURE FUNCTION
  local failed
  # Not as the condition of an `if`, which would make it go on behind a command that failed.
  set +e
  (
    set -e
    "$2"
  ) 2> "$work/error"
  failed=$?
  set -e
  jq -cn --arg feature "$1" --argjson failed "$failed" --rawfile detail "$work/error" \
    '{feature: $feature, ok: ($failed == 0), detail: $detail}'
}

run text text
run stream stream
run chat chat
run tools tools
run countTokens count_tokens
run embeddings embeddings
run models models
run files files
run caches caches
run batches batches
run interactions interactions
run abort abort
run cut cut_short
