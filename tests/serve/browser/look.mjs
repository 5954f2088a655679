// Looks at a page in a real Chromium as different people do, and prints what it saw as JSON.
// Usage: node look.mjs URL CHROMIUM SCREENSHOT, where an empty CHROMIUM is the one that npm has.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [url, installed, screenshot] = process.argv.slice(2);
const executablePath = installed || await (await import("@sparticuz/chromium")).default.executablePath();
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath, args: flags });
const looks = [];
for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 360]) {
    for (const javaScriptEnabled of [true, false]) {
      const context = await browser.newContext({ colorScheme, javaScriptEnabled, viewport: { width, height: 900 } });
      const page = await context.newPage();
      const complaints = [];
      const requests = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("request", (request) => requests.push(request.url()));
      const answer = await page.goto(url);
      const look = { colorScheme, width, javaScriptEnabled, status: answer.status(), headers: answer.headers() };
      look.text = await page.locator("body").innerText();
      look.tables = await page.locator("table").count();
      look.rows = await page.locator("tbody tr").count();
      look.bars = await page.locator("svg rect.bar").count();
      look.picture = await page.getByRole("img", { name: "The keys of this set over time" }).boundingBox();
      if (javaScriptEnabled) {
        Object.assign(look, await page.evaluate(() => ({
          ground: getComputedStyle(document.body).backgroundColor,
          overflows: document.documentElement.scrollWidth > window.innerWidth,
        })));
        await page.keyboard.press("Tab");
        look.focused = await page.evaluate(() => document.activeElement.getAttribute("role"));
        await page.evaluate(axe);
        const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
        look.violations = found.violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => node.html) }));
        look.passes = found.passes.length;
      }
      look.complaints = complaints;
      look.requests = requests;
      looks.push(look);
      await context.close();
    }
  }
}
const context = await browser.newContext({ colorScheme: "light", viewport: { width: 1000, height: 900 } });
const page = await context.newPage();
await page.goto(url);
await page.locator("section[aria-labelledby=picture]").screenshot({ path: screenshot });
await browser.close();
console.log(JSON.stringify(looks));
