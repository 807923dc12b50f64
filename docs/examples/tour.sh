#!/bin/sh
# What a client does, with curl and jq:  sh tour.sh http://127.0.0.1:8080 ann parley-demo
set -eu
url=$1/api/v1 token=

# Asks the API. What is answered 429 or 503, or not at all, is asked again; curl waits as long as Retry-After says.
ask() {
  curl --silent --show-error --fail-with-body --retry 8 --retry-connrefused --max-time 10 \
    --header "Authorization: Bearer $token" --header "Content-Type: application/json" "$@"
}

# Sign in.
session=$(jq -n --arg u "$2" --arg p "$3" '{username: $u, password: $p}' | ask "$url/auth/login" --data @-)
token=$(printf %s "$session" | jq -r .accessToken)
echo "Signed in until $(printf %s "$session" | jq -r .expiresAt)."

# Go on with a fresh token. The refresh token works once.
session=$(printf %s "$session" | jq '{refreshToken}' | ask "$url/auth/refresh" --data @-)
token=$(printf %s "$session" | jq -r .accessToken)

# The channels that one may read; the first one of them.
channel=$(ask "$url/groups" | jq '[.[].channels[]][0]')
id=$(printf %s "$channel" | jq .id) seen=$(printf %s "$channel" | jq .lastSeq)
path=$url/groups/$(printf %s "$channel" | jq .groupId)/channels/$id
echo "Channel $id has $seen messages, $(printf %s "$channel" | jq .unread) of them unread."

# Send a message. With the same hash it may be sent as often as need be: it is kept once.
hash=tour-$(date +%s)-$$
jq -n --arg hash "$hash" '{content: "Hello from curl!", $hash}' | ask "$path/messages" --data @-
jq -n --arg hash "$hash" '{content: "Hello from curl!", $hash}' | ask "$path/messages" --data @-

# Fetch what has come since, page by page, until the message is there.
until [ "${found:-0}" -gt 0 ]; do
  page=$(ask "$path/messages?after=$seen&limit=200")
  printf %s "$page" | jq -r '.messages[] | "\(.seq) \(.senderId): \(.content)"'
  found=$(printf %s "$page" | jq --arg hash "$hash" '[.messages[] | select(.hash == $hash)] | length')
  seen=$(printf %s "$page" | jq --argjson seen "$seen" '.messages[-1].seq // $seen')
done
