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
jq -n --arg hash "$hash" '{content: "Hello from curl!", $hash}' | ask "$path/messages" --data @- | jq -c .
jq -n --arg hash "$hash" '{content: "Hello from curl!", $hash}' | ask "$path/messages" --data @- | jq -c .

# It is kept a moment later, and has a number then.
until [ -n "${message:-}" ]; do
  message=$(ask "$path/messages?after=$seen&limit=200" | jq --arg hash "$hash" '.messages[] | select(.hash == $hash)')
done
messageId=$(printf %s "$message" | jq .messageId)

# Catch up: everything that has come since, in all channels and in one request; and as long as there is a next request, that one.
request=$(jq -n --arg id "$id" --argjson seen "$seen" '{channels: {($id): $seen}}')
until [ "$request" = null ]; do
  answer=$(printf %s "$request" | ask "$url/sync" --data @-)
  printf %s "$answer" | jq -r '.channels[].messages[] | "\(.seq) \(.senderId): \(.content)"'
  request=$(printf %s "$answer" | jq .next)
done

# All of it has been read. Who has got the message, and who has read it?
printf %s "$message" | jq '{seq}' | ask "$path/read" --data @- | jq -c .
ask "$path/messages/$messageId/recipients" | jq -r '.recipients[] | "\(.userId) \(.status) since \(.at)"'
