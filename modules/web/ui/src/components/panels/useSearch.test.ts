import { flushPromises } from "@vue/test-utils";
import { createPinia, setActivePinia } from "pinia";
import { expect, it } from "vitest";

import type { SearchQuery, SearchResult, SearchResults } from "@/client";
import { fakeParley } from "@/client/testing/fake";
import { channelMessage } from "@/client/testing/people";
import { useParley } from "@/stores/parley";

import { useSearch } from "./useSearch";

function found(...seqs: number[]): SearchResult[] {
  return seqs.map((seq) => ({ kind: "channel", message: channelMessage({ seq }), snippet: [{ text: "found", hit: true }] }));
}

/** A search, and what the server was asked; each question is answered by hand, in any order. */
function searching() {
  setActivePinia(createPinia());
  const asked: { query: SearchQuery; answer: (results: SearchResults) => Promise<void> }[] = [];
  const client = fakeParley({
    api: {
      search: (query) =>
        new Promise((resolve) => {
          asked.push({ query, answer: async (results) => {
            resolve(results);
            await flushPromises();
          } });
        }),
    },
  });
  useParley().use(client);
  const search = useSearch();
  return { client, search, asked, seqs: () => search.results.value?.map((r) => r.message.seq) };
}

it("goes on with the cursor", async () => {
  const { search, asked, seqs } = searching();
  void search.run({ q: " lemon ", channelId: 1 });
  await flushPromises();
  expect(asked[0]?.query).toEqual({ q: "lemon", channelId: 1 });
  await asked[0]?.answer({ results: found(9, 8), next: "x" });
  expect(search.hasMore.value).toBe(true);

  void search.more();
  await flushPromises();
  expect(asked[1]?.query).toEqual({ q: "lemon", channelId: 1, cursor: "x" });
  await asked[1]?.answer({ results: found(7) });
  expect(seqs()).toEqual([9, 8, 7]);
  expect(search.hasMore.value).toBe(false);
});

it("passes over empty pages", async () => {
  const { search, asked, seqs } = searching();
  void search.run({ q: "lemon" });
  await flushPromises();
  await asked[0]?.answer({ results: [], next: "x" });
  expect(search.busy.value).toBe(true);
  await asked[1]?.answer({ results: found(1) });
  expect(seqs()).toEqual([1]);
  expect(search.busy.value).toBe(false);
});

it("takes no notice of answers to an earlier search", async () => {
  const { search, asked, seqs } = searching();
  void search.run({ q: "lemon" });
  void search.run({ q: "melon" });
  await flushPromises();
  await asked[1]?.answer({ results: found(2) });
  await asked[0]?.answer({ results: found(1) });
  expect(seqs()).toEqual([2]);
});

it("says what went wrong, and forgets everything for a blank text", async () => {
  const { client, search } = searching();
  client.failNext("api.search", { code: "search_busy", status: 503, detail: "Try again soon." });
  await search.run({ q: "lemon" });
  expect(search.problem.value).toBe("Try again soon.");

  await search.run({ q: "  " });
  expect(search.problem.value).toBeUndefined();
  expect(search.results.value).toBeUndefined();
});
