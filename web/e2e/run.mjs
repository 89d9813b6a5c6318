// The dashboard in a real Chromium, over a real agent: an incident from fault to cure without a reload, an
// approval in the browser, a dropped connection, time travel, every view at both sizes and in both themes
// with axe. Screenshots are left as artefacts. Usage: node e2e/run.mjs HALE [ARTEFACTS]

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { chromium } from "playwright-core";
import { Agent, cannotIsolate, freePort } from "./agent.mjs";

const [hale, artefacts = `${tmpdir()}/hale-web-screens`] = process.argv.slice(2);
const browserPath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const axeSource = readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);

const WIDE = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };
const VIEWS = [
  ["overview", "/"],
  ["incidents", "/incidents"],
  ["alerts", "/alerts?state=closed"],
  ["machine", "/machine"],
  ["processes", "/machine?tab=processes"],
  ["units", "/machine?tab=services"],
  ["containers", "/machine?tab=containers"],
  ["targets", "/machine?tab=targets&target=hale&metric=hale_turns_total"],
  ["journal", "/machine?tab=journal"],
  ["services", "/services"],
  ["runbook", "/runbook"],
  ["audit", "/audit"],
  ["settings", "/settings"],
];

const why = cannotIsolate();
if (why) {
  console.log(`SKIPPED web-e2e: ${why}`);
  process.exit(0);
}
mkdirSync(artefacts, { recursive: true });

let failed = 0;
let passed = 0;
const only = process.env.ONLY;

async function test(name, run) {
  if (only && !name.includes(only)) return;
  const began = Date.now();
  try {
    await run();
    passed += 1;
    console.log(`ok    ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error.stack ?? error}`);
  }
}

function check(condition, words) {
  if (!condition) throw new Error(words);
}

const browser = await chromium.launch({
  executablePath: browserPath,
  args: ["--no-sandbox", "--disable-gpu"],
});

/** A page that remembers what went wrong in it. */
async function open(agent, path, { size = WIDE, theme = "dark", context } = {}) {
  const own =
    context ??
    (await browser.newContext({ viewport: size, colorScheme: theme, reducedMotion: "reduce" }));
  const page = await own.newPage();
  page.troubles = [];
  page.on("pageerror", (error) => page.troubles.push(String(error)));
  page.on("console", (message) => {
    // That a request failed while the agent was away is meant to be shown on the page, not here.
    if (
      message.type() === "error" &&
      !message.text().includes("Failed to load resource") &&
      !message.text().includes("ERR_")
    ) {
      page.troubles.push(message.text());
    }
  });
  await page.goto(agent.url + path);
  return page;
}

async function settled(page) {
  await page.locator("main h1, main .panel").first().waitFor();
  await page.waitForFunction(() => !document.querySelector("main .skeleton"), null, {
    timeout: 20_000,
  });
  await page.waitForTimeout(250);
}

async function axe(page, name) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    }),
  );
  const told = found.violations.map(
    (v) =>
      `${v.id}: ${v.help}\n${v.nodes
        .slice(0, 3)
        .map((n) => `    ${n.target} ${n.failureSummary?.split("\n")[1] ?? ""}`)
        .join("\n")}`,
  );
  check(told.length === 0, `axe on ${name}:\n${told.join("\n")}`);
}

async function noSidewaysScroll(page, name) {
  const [content, view] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  check(content <= view, `${name} is ${content} px wide in a window of ${view} px`);
}

const agents = [];
async function agentOf(name, mode, config = () => "", exposed = false) {
  const port = await freePort();
  const folder = `${tmpdir()}/hale-web-e2e-${name}-${process.pid}`;
  const agent = new Agent(hale, folder, mode, port, config(port), exposed);
  agents.push(agent);
  await agent.start();
  return agent;
}

let incidentOfAuto;
try {
  // A Prometheus target that is always there: the agent's own figures.
  const auto = await agentOf(
    "auto",
    "auto",
    (port) => `[[scrape]]
name = "hale"
url = "http://127.0.0.1:${port}/metrics"
interval_secs = 1
`,
  );

  await test("without an incident every view says what would fill it", async () => {
    const page = await open(auto, "/");
    await settled(page);
    const text = await page.locator("main").innerText();
    check(text.includes("Nothing waits for a person"), text);
    check(
      (await page.locator(".connection").innerText()).includes("live"),
      "the stream is not live",
    );
    await page.screenshot({ path: `${artefacts}/empty-overview-1280.png`, fullPage: true });
    for (const [path, words] of [
      ["/incidents", /Detectors on this machine/],
      ["/services", /OTLP|OpenTelemetry|4318/],
      ["/machine?tab=containers", /engine/],
    ]) {
      await page.goto(auto.url + path);
      await settled(page);
      check(words.test(await page.locator("main").innerText()), `${path} does not say: ${words}`);
    }
    check(page.troubles.length === 0, page.troubles.join("\n"));
    await page.context().close();
  });

  await test("an incident is watched live from fault to cure, without a reload", async () => {
    const page = await open(auto, "/incidents");
    await settled(page);
    await page.evaluate(() => {
      globalThis.sameDocument = true;
    });
    const began = Date.now();
    auto.storm();
    const row = page.locator('a.row:has-text("ghosts")').first();
    await row.waitFor({ timeout: 60_000 });
    console.log(
      `      seen in the list ${((Date.now() - began) / 1000).toFixed(1)} s after the fault`,
    );
    await row.click();
    await page.locator(".thought").first().waitFor();
    await page.screenshot({ path: `${artefacts}/incident-live-1280.png` });
    await page.locator('.steps[data-state="resolved"]').waitFor({ timeout: 90_000 });
    for (const voice of ["Scout", "Brain", "Guard", "Fixer"]) {
      check(
        (await page.locator(`.thought[data-voice="${voice}"]`).count()) > 0,
        `${voice} is not heard`,
      );
    }
    const told = await page.locator(".thought").count();
    incidentOfAuto = page.url().split("/incidents/")[1].split("?")[0];
    const stored = (await auto.ask(`/incidents/${incidentOfAuto}`)).timeline.length;
    await page.waitForTimeout(600);
    check(
      (await page.locator(".thought").count()) === stored,
      `the page tells ${told} lines of ${stored}`,
    );
    check(await page.evaluate(() => globalThis.sameDocument === true), "the page was loaded anew");
    check(page.troubles.length === 0, page.troubles.join("\n"));
    await page.context().close();
  });

  await test("evidence is drawn with the fault shaded, the postmortem is told, the export holds all", async () => {
    const page = await open(auto, `/incidents/${incidentOfAuto}?tab=evidence`);
    await page.locator(".chart canvas").first().waitFor();
    await settled(page);
    const ink = await page
      .locator(".chart canvas")
      .first()
      .evaluate((canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.reduce((sum, value, at) => sum + (at % 4 === 3 && value > 0 ? 1 : 0), 0);
      });
    check(ink > 500, `nothing is drawn (${ink} pixels)`);
    await page.screenshot({ path: `${artefacts}/evidence-1280.png`, fullPage: true });
    await axe(page, "evidence");
    await page.getByRole("button", { name: "postmortem" }).click();
    await page.locator(".markdown h2, .markdown h3").first().waitFor();
    await page.screenshot({ path: `${artefacts}/postmortem-1280.png`, fullPage: true });
    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export" }).click();
    const bundle = JSON.parse(readFileSync(await (await downloading).path(), "utf8"));
    check(
      bundle.incident.id === incidentOfAuto && bundle.alerts.length > 0,
      "the export lacks its incident",
    );
    check(
      bundle.telemetry.times.length > 0 && bundle.audit.entries.length > 0,
      "the export lacks telemetry or audit",
    );
    await page.context().close();
  });

  await test("time travel: the same addresses tell what was so then", async () => {
    const incident = await auto.ask(`/incidents/${incidentOfAuto}`);
    const before = new Date(Date.parse(incident.opened_at) - 2_000).toISOString();
    const during = incident.timeline.find(
      (line) => line.kind === "intent" || line.kind === "verdict",
    ).ts;
    const page = await open(auto, `/incidents?at=${before}`);
    await settled(page);
    check((await page.locator("a.row").count()) === 0, "an incident is shown before it began");
    await page.goto(`${auto.url}/incidents/${incidentOfAuto}?at=${during}`);
    await settled(page);
    check(
      (await page.locator('.steps[data-state="resolved"]').count()) === 0,
      "it is resolved before it was",
    );
    const then = await page.locator(".thought").count();
    check(
      then > 0 && then < incident.timeline.length,
      `${then} of ${incident.timeline.length} lines are told`,
    );
    check((await page.locator(".note").count()) === 0, "a note can be added to the past");
    await page.screenshot({ path: `${artefacts}/past-1280.png` });
    await page.getByRole("button", { name: "Back to now" }).click();
    await page.locator('.steps[data-state="resolved"]').waitFor();
    check(!page.url().includes("at="), "the moment stays in the address");
    await page.goto(`${auto.url}/?at=${new Date(Date.now() - 3_000).toISOString()}`);
    await settled(page);
    check(/\d/.test(await page.locator(".ring-words b").innerText()), "health of then is not told");
    check(page.troubles.length === 0, page.troubles.join("\n"));
    await page.context().close();
  });

  await test("keys: ? helps, g goes, / finds, j and Enter open, [ goes back in time, filters stay in the address", async () => {
    const page = await open(auto, "/");
    await settled(page);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.screenshot({ path: `${artefacts}/keys-1280.png` });
    await axe(page, "keys");
    await page.keyboard.press("Escape");
    await page.keyboard.press("g");
    await page.keyboard.press("i");
    await page.waitForURL("**/incidents");
    await settled(page);
    await page.keyboard.press("/");
    await page.keyboard.type("zzz");
    await page.getByText("None of these fits").waitFor();
    check(page.url().includes("find=zzz"), page.url());
    await page.reload();
    await page.getByText("None of these fits").waitFor();
    await page.locator("[data-find]").fill("");
    await page.locator("[data-find]").blur();
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/incidents/in-*");
    await page.keyboard.press("[");
    await page.waitForURL(/at=/);
    await page.keyboard.press("n");
    await page.waitForFunction(() => !location.search.includes("at="));
    await page.keyboard.press("Control+k");
    await page.keyboard.type("audit");
    await page.screenshot({ path: `${artefacts}/finder-1280.png` });
    await page.keyboard.press("Enter");
    await page.waitForURL("**/audit");
    check(page.troubles.length === 0, page.troubles.join("\n"));
    await page.context().close();
  });

  await test("a lost connection is said, and made anew by itself", async () => {
    const page = await open(auto, "/");
    await settled(page);
    await auto.kill();
    await page.getByText("The connection to the agent is lost").waitFor({ timeout: 30_000 });
    await page.screenshot({ path: `${artefacts}/lost-1280.png` });
    await auto.up();
    await page.locator('.connection[data-state="live"]').waitFor({ timeout: 40_000 });
    check(
      (await page.getByText("The connection to the agent is lost").count()) === 0,
      "it is still said",
    );
    auto.storm();
    await page
      .locator('a.row:has-text("open"), a.row .chip:not([data-tone="ok"])')
      .first()
      .waitFor({ timeout: 60_000 });
    await page.context().close();
  });

  await test("a Prometheus target: its series by name and label, drawn, and as they were", async () => {
    const page = await open(auto, "/machine?tab=targets");
    await settled(page);
    await page.locator('.target:has-text("hale") .chip:has-text("up")').waitFor();
    await page.locator("[data-find]").fill("source memory");
    const age = page.getByRole("button", { name: "hale_source_age_seconds" });
    await age.waitFor();
    check((await page.locator(".series-name").count()) === 1, "a label is not searched");
    await page.locator("[data-find]").fill("turns");
    await page.getByRole("button", { name: "hale_turns_total" }).click();
    await page.waitForURL(/metric=hale_turns_total/);
    await page.reload();
    await page.getByText("Growth a second").waitFor();
    const told = await page.locator("figure.chart").getAttribute("aria-label");
    check(/now \d+(\.\d+)?\/s/.test(told), `the growth is not told: ${told}`);
    const before = new Date(Date.now() - 4_000).toISOString();
    await page.goto(`${auto.url}/machine?tab=targets&metric=hale_turns_total&at=${before}`);
    await page.getByText("Growth a second").waitFor();
    await page.goto(`${auto.url}/machine?tab=targets&at=2020-01-01T00:00:00Z`);
    await page.getByText("No target was read then").waitFor();
    check(page.troubles.length === 0, page.troubles.join("\n"));
    await page.context().close();
  });

  await test("nothing moves under the reader's eyes", async () => {
    const page = await open(auto, "/");
    const shift = await page.evaluate(
      () =>
        new Promise((resolve) => {
          let sum = 0;
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
          }).observe({ type: "layout-shift", buffered: true });
          setTimeout(() => resolve(sum), 4_000);
        }),
    );
    console.log(`      cumulative layout shift ${shift.toFixed(4)}`);
    check(shift < 0.1, `layout shift of ${shift}`);
    await page.context().close();
  });

  for (const [name, path] of VIEWS) {
    await test(`view ${name}: both sizes, both themes, axe`, async () => {
      for (const theme of ["dark", "light"]) {
        for (const [label, size] of [
          ["1280", WIDE],
          ["390", PHONE],
        ]) {
          const page = await open(auto, path, { size, theme });
          await settled(page);
          await page.screenshot({
            path: `${artefacts}/${name}-${theme}-${label}.png`,
            fullPage: true,
          });
          await axe(page, `${name} ${theme} ${label}`);
          await noSidewaysScroll(page, `${name} at ${label}`);
          check(page.troubles.length === 0, page.troubles.join("\n"));
          await page.context().close();
        }
      }
    });
  }
  await test("view incident: both sizes, both themes, axe", async () => {
    for (const theme of ["dark", "light"]) {
      for (const [label, size] of [
        ["1280", WIDE],
        ["390", PHONE],
      ]) {
        const page = await open(auto, `/incidents/${incidentOfAuto}`, { size, theme });
        await settled(page);
        await axe(page, `incident ${theme} ${label}`);
        await noSidewaysScroll(page, `incident at ${label}`);
        await page.screenshot({
          path: `${artefacts}/incident-${theme}-${label}.png`,
          fullPage: true,
        });
        await page.context().close();
      }
    }
  });

  const approve = await agentOf("approve", "approve");
  await test("an approval is given in the browser, by a person who signed in", async () => {
    const context = await browser.newContext({ viewport: WIDE, colorScheme: "dark" });
    const page = await open(approve, "/", { context });
    await settled(page);
    approve.storm();
    const decision = page.locator(".decision").first();
    await decision.waitFor({ timeout: 60_000 });
    await page.screenshot({ path: `${artefacts}/approval-1280.png`, fullPage: true });
    await axe(page, "approval");
    // Whoever has not signed in is told how, and nothing is done.
    await decision.getByText("This browser only reads").waitFor();
    for (const name of ["Approve", "Reject"]) {
      check(await decision.getByRole("button", { name }).isDisabled(), `${name} looks possible`);
    }
    check(
      (await page.evaluate(
        async (path) => (await fetch(path, { method: "POST" })).status,
        `/api/v1/approvals/${(await approve.ask("/approvals")).approvals[0].id}/approve`,
      )) === 401,
      "the agent takes a yes from nobody",
    );
    check(
      (await approve.ask("/approvals")).approvals[0].state === "pending",
      "it was approved by nobody",
    );

    await page.goto(approve.signInLink());
    await page.locator(".decision").first().waitFor();
    await page.getByText("signed in").first().waitFor();
    const phone = await browser.newContext({
      viewport: PHONE,
      colorScheme: "dark",
      isMobile: true,
      hasTouch: true,
    });
    const small = await open(approve, "/", { context: phone });
    await small.locator(".decision").first().waitFor();
    await small.screenshot({ path: `${artefacts}/approval-390.png`, fullPage: true });
    await phone.close();

    const { incident_id: incident } = (await approve.ask("/approvals")).approvals[0];
    await page.goto(`${approve.url}/incidents/${incident}`);
    await page.locator(".decision").first().waitFor();
    await page.screenshot({ path: `${artefacts}/incident-asks-1280.png`, fullPage: true });
    await answerYes(page.locator(".decision").first());
    await page.locator('.steps[data-state="resolved"]').waitFor({ timeout: 90_000 });
    const told = await approve.ask(`/incidents/${incident}`);
    check(
      told.actions.some((a) => a.state === "succeeded"),
      "no action succeeded",
    );
    const { entries } = await approve.ask("/audit?limit=200");
    check(
      entries.some((e) => e.kind === "approve" && e.actor === "browser"),
      "the audit does not name the browser",
    );
    await page.context().close();
  });

  await test("a rejection with its reason is kept", async () => {
    const context = await browser.newContext({ viewport: WIDE, colorScheme: "light" });
    const page = await open(approve, "/", { context });
    await page.goto(approve.signInLink());
    await settled(page);
    approve.storm();
    const decision = page.locator(".decision").first();
    await decision.waitFor({ timeout: 60_000 });
    await decision.getByRole("button", { name: "Reject" }).click();
    await decision.getByLabel(/Why not/).fill("they are mine");
    await decision.getByRole("button", { name: "Reject now" }).click();
    await approve.until("it is rejected", async () => {
      const { approvals } = await approve.ask("/approvals?all=true");
      return approvals.some((a) => a.state === "rejected" && a.why === "they are mine");
    });
    await context.close();
  });

  // Its certificate is its own.
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  const exposed = await agentOf("exposed", "observe", () => "", true);
  for (const agent of [approve, exposed]) {
    await test(`the form of ${new URL(agent.url).protocol}// signs a browser in with a token`, async () => {
      const context = await browser.newContext({ viewport: WIDE, ignoreHTTPSErrors: true });
      const page = await open(agent, "/", { context });
      if (agent === exposed) {
        await page.getByText("nothing is shown to a browser that is not signed in").waitFor();
        check(
          (await page.locator(".connection").innerText()).includes("not signed in"),
          "a closed door is called a lost connection",
        );
        await page.screenshot({ path: `${artefacts}/not-signed-in-1280.png`, fullPage: true });
      }
      await page.getByRole("link", { name: "sign in" }).first().click();
      await page.locator("#word").fill("hale_wrong");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("That opens nothing").waitFor();
      await page.locator("#word").fill(agent.token("browser", "operator"));
      await page.getByRole("button", { name: "Sign in" }).click();
      await settled(page);
      await page.getByText("signed in ·").waitFor();
      check(
        (await page.locator(".connection").innerText()).includes("live"),
        "the stream is not live",
      );
      check(page.troubles.length === 0, page.troubles.join("\n"));
      await context.close();
    });
  }

  await test("without a target the view names the key that would fill it", async () => {
    const page = await open(approve, "/machine?tab=targets");
    await settled(page);
    await page.getByText("No Prometheus target is read").waitFor();
    check(/\[\[scrape\]\]/.test(await page.locator("main").innerText()), "no key is named");
    await page.goto(
      `${approve.url}/machine?tab=targets&at=${new Date(Date.now() - 5_000).toISOString()}`,
    );
    await page.getByText("No target was read then").waitFor();
    await page.context().close();
  });

  // More processes than may be ended without a person: the same cure is critical.
  const critical = await agentOf(
    "critical",
    "approve",
    () => "[autonomy]\nmax_kills_per_action = 4\n",
  );
  await test("what is critical takes YES, typed in full: another word does nothing, then it is done and proven", async () => {
    const context = await browser.newContext({ viewport: WIDE, colorScheme: "dark" });
    const page = await open(critical, "/", { context });
    await page.goto(critical.signInLink());
    await settled(page);
    critical.storm();
    const decision = page.locator(".decision").first();
    await decision.waitFor({ timeout: 60_000 });
    await decision.getByText("critical risk").waitFor();
    const { id, incident_id: incident } = (await critical.ask("/approvals")).approvals[0];
    const state = async () => (await critical.ask("/approvals?all=true")).approvals[0].state;
    const yes = decision.getByLabel(/type YES/);
    const button = decision.getByRole("button", { name: "Approve" });
    for (const word of ["", "yes", "YES!", "Y"]) {
      await yes.fill(word);
      check(await button.isDisabled(), `"${word}" is enough for the page`);
    }
    await page.screenshot({ path: `${artefacts}/critical-1280.png`, fullPage: true });
    await axe(page, "critical");
    // The page is not what keeps it: the server refuses the same words from a browser that is signed in.
    for (const body of [{}, { confirm: "yes" }, { confirm: "YES " }]) {
      const [status, said] = await page.evaluate(
        async ([path, sent]) => {
          const response = await fetch(path, {
            method: "POST",
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify(sent),
          });
          return [response.status, (await response.json()).error?.kind];
        },
        [`/api/v1/approvals/${id}/approve`, body],
      );
      check(
        status === 409 && said === "needs_approval",
        `${JSON.stringify(body)}: ${status} ${said}`,
      );
    }
    check((await state()) === "pending", `it is ${await state()} without YES`);
    check(
      (await critical.ask("/processes?search=sleep%20600&limit=50")).matched > 4,
      "what it is about is gone already",
    );

    await yes.fill("YES");
    await button.click();
    await page.goto(`${critical.url}/incidents/${incident}`);
    await page.locator('.steps[data-state="resolved"]').waitFor({ timeout: 90_000 });
    await page.screenshot({ path: `${artefacts}/critical-done-1280.png`, fullPage: true });
    check((await state()) === "used", `its approval is ${await state()}`);
    const told = await critical.ask(`/incidents/${incident}`);
    const action = told.actions.find((a) => a.state === "succeeded");
    check(action?.risk === "critical", `no critical action succeeded: ${JSON.stringify(action)}`);
    check(
      told.timeline.some((line) => line.kind === "verified"),
      `nothing was proven: ${told.timeline.map((line) => line.kind)}`,
    );
    await critical.until("they are gone", async () => {
      const { matched } = await critical.ask("/processes?search=sleep%20600&limit=50");
      return matched === 0;
    });
    const { entries } = await critical.ask("/audit?limit=200");
    const said = entries.filter((e) => e.actor === "browser").map((e) => e.kind);
    check(
      said.filter((kind) => kind === "refused").length === 3 && said.at(-1) === "approve",
      `the audit does not tell three refusals and one yes of the browser: ${said}`,
    );
    check(page.troubles.length === 0, page.troubles.join("\n"));
    await context.close();
  });
} finally {
  for (const agent of agents) agent.stop();
  await browser.close();
}

async function answerYes(decision) {
  const typed = decision.getByLabel(/type YES/);
  if (await typed.count()) {
    check(
      await decision.getByRole("button", { name: "Approve" }).isDisabled(),
      "critical can be approved without YES",
    );
    await typed.fill("YES");
  }
  await decision.getByRole("button", { name: "Approve" }).click();
}

writeFileSync(`${artefacts}/result.txt`, `${passed} passed, ${failed} failed\n`);
console.log(`web-e2e: ${passed} passed, ${failed} failed; screenshots in ${artefacts}`);
process.exit(failed === 0 ? 0 : 1);
