"""Opens every page in a browser without a way out, and uses it by key. See run.sh."""

import argparse
import sys
import time
from pathlib import Path

import pages
from devtools import Browser

# What a page of 5,000 findings may take on a slow machine.
MAX_LOAD_S = 30
MAX_NODES = 700_000
MAX_SIFT_MS = 4000
# Least contrast of text (WCAG 2.2, 1.4.3); large or bold text has 3.
CONTRAST = 4.5

failures = []
figures = []


def check(fine, what):
    if not fine:
        failures.append(what)
        print(f"FAILED {what}")


# The contrast of all shown text with what is behind it.
CONTRASTS = """(() => {
  const probe = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const parse = (text) => { probe.clearRect(0, 0, 1, 1); probe.fillStyle = text; probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const f = [r, g, b].map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const bad = new Set();
  for (const element of [...document.body.querySelectorAll("*")].slice(0, 4000)) {
    if (![...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (!element.checkVisibility()) continue;
    if (["SCRIPT", "STYLE", "title"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const svg = element instanceof SVGElement;
    let behind = element;
    while (behind && (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)" || behind instanceof SVGElement)) behind = behind.parentElement;
    const a = light(parse(svg ? style.fill : style.color));
    const b = light(parse(behind ? getComputedStyle(behind).backgroundColor : getComputedStyle(document.body).backgroundColor));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < %s) bad.add(`${element.tagName}.${element.getAttribute("class") || ""} ${ratio.toFixed(2)}`);
  }
  return [...bad].slice(0, 8);
})()""" % CONTRAST


def quiet(page, name, url):
    said, requests = page.trouble()
    check(not said, f"{name}: the console says {said[:3]}")
    check(all(request == url for request in requests), f"{name}: asks for {requests[:3]}")


def contained(page, name):
    """Nothing of the capture became anything but text."""
    check(page.js("window.broken === undefined"), f"{name}: text of the capture ran")
    count = page.js("document.querySelectorAll('img,iframe,object,embed,link,base,form[action],video,audio,meta[http-equiv=refresh]').length")
    check(count == 0, f"{name}: {count} elements that load")
    check(page.js("document.scripts.length") <= 1, f"{name}: a script of another")
    check(page.js("[...document.querySelectorAll('a')].every(a => (a.getAttribute('href') || '').startsWith('#'))"), f"{name}: a link leads away")
    check(page.js("[...document.querySelectorAll('*')].every(e => [...e.attributes].every(a => !/^on/i.test(a.name) && a.name !== 'style'))"),
          f"{name}: an attribute that runs or styles")
    steering = page.js("(document.documentElement.textContent.match(/[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff]/g) || []).length")
    check(steering == 0, f"{name}: {steering} characters that steer")
    # The policy holds against what would come after an escaping that failed.
    broken = page.js("""new Promise(done => { let n = 0; addEventListener("securitypolicyviolation", () => n++);
      const script = document.createElement("script"); script.textContent = "window.broken = 2"; document.body.append(script);
      const image = document.createElement("img"); image.src = "https://away.invalid/x"; document.body.append(image);
      const frame = document.createElement("iframe"); frame.src = "https://away.invalid/y"; document.body.append(frame);
      setTimeout(() => { script.remove(); image.remove(); frame.remove(); done([n, window.broken]); }, 300); })""")
    check(broken == [3, None], f"{name}: the policy lets through: {broken}")


def keys(page, name):
    """By key alone: past the head, in order, folding and unfolding."""
    page.js("document.activeElement.blur(); scrollTo(0, 0)")
    page.key("Tab")
    check(page.js("document.activeElement.className") == "skip", f"{name}: the first stop is not the link past the head")
    check(page.js("document.activeElement.getBoundingClientRect().left >= 0"), f"{name}: that link is not seen")
    page.key("Enter")
    check(page.js("document.activeElement.id") == "main", f"{name}: the link past the head leads nowhere")
    page.js("window.stops = []")
    for _ in range(25):
        page.key("Tab")
        page.js("window.stops.push(document.activeElement)")
    # Behind the last stop the first comes again.
    page.js("window.stops = stops.slice(0, (stops.findIndex(s => ['BODY', 'HTML'].includes(s.tagName) || s.className === 'skip') + 1 || stops.length + 1) - 1)")
    check(page.js("stops.length > 0") or name == "nothing", f"{name}: no stop behind the head")
    order = page.js("stops.every((stop, n) => n === 0 || "
                    "!!(stops[n - 1].compareDocumentPosition(stop) & Node.DOCUMENT_POSITION_FOLLOWING))")
    check(order, f"{name}: keys do not follow the order of reading")
    seen = page.js("stops.filter(s => !s.checkVisibility()).length")
    check(seen == 0, f"{name}: {seen} stops that cannot be seen")
    if page.js("!!document.querySelector('details')"):
        page.js("window.one = document.querySelector('details'); one.open = false; one.querySelector('summary').focus()")
        page.key("Enter")
        check(page.js("one.open"), f"{name}: a key does not unfold")
        page.key("Enter")
        check(not page.js("one.open"), f"{name}: a key does not fold")


def tools(page, name):
    """What the script adds: zoom, copy, a link that unfolds."""
    if page.js("!!document.querySelector('figure.time .zoom')"):
        page.js("window.figure = document.querySelector('figure.time'); figure.querySelector('.zoom input').focus()")
        before = page.js("figure.querySelector('svg.field').getAttribute('viewBox')")
        for _ in range(4):
            page.key("ArrowRight")
        after = page.js("figure.querySelector('svg.field').getAttribute('viewBox')")
        check(before != after, f"{name}: a key does not zoom the time line")
    if page.js("!!document.querySelector('details.finding')"):
        page.js("window.one = document.querySelector('details.finding'); one.open = false; location.hash = ''; location.hash = one.querySelector('div').id")
        time.sleep(0.4)
        check(page.js("one.open"), f"{name}: a link to a finding does not unfold it")
        time.sleep(0.2)
        check(page.js("!!one.querySelector('button.copy')"), f"{name}: nothing to copy with")
        page.js("one.querySelector('button.copy').focus()")
        page.key("Enter")
        time.sleep(0.3)
        check(page.js("one.querySelector('button.copy').textContent") == "Copied", f"{name}: a line is not copied")


def looks(page, name, folder):
    for scheme in ["light", "dark"]:
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        bad = page.js(CONTRASTS)
        check(not bad, f"{name}, {scheme}: too faint: {bad}")
        page.shot(folder / f"{name}-{scheme}.png", height=2600)
    page.call("Emulation.setEmulatedMedia", features=[])
    wide = page.js("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    check(wide <= 1, f"{name}: {wide} px wider than the window")
    page.window(420, 900, True)
    wide = page.js("document.documentElement.scrollWidth - 420")
    check(wide <= 1, f"{name}: {wide} px wider than a telephone")
    page.shot(folder / f"{name}-narrow.png", height=1800)
    page.window()
    data = page.pdf(folder / f"{name}.pdf")
    check(data.startswith(b"%PDF"), f"{name}: does not print")


def large(page, url, size, findings):
    seconds = page.open(url)
    nodes = page.js("document.getElementsByTagName('*').length")
    listed = page.js("document.querySelectorAll('details.finding').length")
    check(listed == findings, f"large: {listed} of {findings} findings")
    check(seconds < MAX_LOAD_S, f"large: {seconds:.1f} s to load")
    check(nodes < MAX_NODES, f"large: {nodes} nodes")
    sift = page.js("""new Promise(done => { const words = document.querySelector("#sift input[type=search]"); const start = performance.now();
      words.value = "c%d.example"; words.dispatchEvent(new Event("input", {bubbles: true}));
      const look = () => document.querySelector("#sift output").textContent.startsWith("1 of") ? done(performance.now() - start) :
        performance.now() - start > 60000 ? done(-1) : setTimeout(look, 10); look(); })""" % (findings * 4 // 5))
    check(0 <= sift < MAX_SIFT_MS, f"large: {sift:.0f} ms to find one")
    unfold = page.js("""new Promise(done => { const one = document.querySelectorAll("details.finding")[%d]; const start = performance.now();
      one.open = true; one.scrollIntoView(); requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start))); })""" % (findings * 4 // 5))
    heap = {metric["name"]: metric["value"] for metric in page.call("Performance.getMetrics")["metrics"]}["JSHeapUsedSize"]
    figures.append(f"{findings} findings: {size / 1e6:.1f} MB, {nodes} nodes, {seconds:.1f} s to load, {sift:.0f} ms to find one, "
                   f"{unfold:.0f} ms to unfold one, heap {heap / 1e6:.0f} MB")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--program", required=True)
    options.add_argument("--chromium", required=True)
    options.add_argument("--dir", required=True)
    options.add_argument("--findings", type=int, default=5000)
    given = options.parse_args()
    folder = Path(given.dir).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    program = str(Path(given.program).resolve())

    made = {}
    for name, cases in {"thefts": ["vidar-2025", "stealc-v2", "telegram-upload", "real-tls-beat", "amadey", "snake-smtp"], "nothing": ["benign-ntp"]}.items():
        made[name] = folder / f"{name}.html"
        pages.run(program, "scan", "-q", "-f", "json", "-o", f"html={made[name]}", *[f"testdata/{case}/capture.pcap" for case in cases])
    capture = folder / "hostile.pcap"
    pages.hostile_capture(capture)
    made["hostile"] = folder / "hostile.html"
    report = pages.run(program, "scan", "-q", "-f", "json", "-o", f"html={made['hostile']}", capture)
    check('"findings": []' not in report, "hostile: nothing found, so nothing is tried")
    pages.hostile_report(report, folder / "hostile.json")
    for servers in [50, 400]:
        pages.infrastructure(folder / f"infrastructure-{servers}", servers)
        made[f"map-{servers}"] = folder / f"map-{servers}.html"
        pages.run(program, "map", "-f", "json", "-o", f"html={made[f'map-{servers}']}", folder / f"infrastructure-{servers}")
    made["map-hostile"] = folder / "map-hostile.html"
    pages.run(program, "map", "-f", "json", "-o", f"html={made['map-hostile']}", folder / "hostile.json")

    browser = Browser(given.chromium)
    try:
        for name, path in made.items():
            page = browser.page()
            seconds = page.open(path.as_uri())
            quiet(page, name, path.as_uri())
            keys(page, name)
            if not name.startswith("map") and name != "nothing":
                tools(page, name)
            looks(page, name, folder)
            contained(page, name)
            figures.append(f"{name}: {path.stat().st_size / 1e6:.2f} MB, {seconds:.1f} s")
            browser.call("Target.closeTarget", targetId=page.target)
        pages.many(program, "testdata/lokibot/capture.pcap", folder / "many.ndjson", given.findings)
        path = folder / "many.html"
        pages.run(program, "scan", "-q", "-f", "csv", "-o", f"html={path}", folder / "many.ndjson")
        page = browser.page()
        large(page, path.as_uri(), path.stat().st_size, given.findings)
        quiet(page, "large", path.as_uri())
    finally:
        browser.close()
    for line in figures:
        print(line)
    if failures:
        sys.exit(f"{len(failures)} failures")
    print(f"{len(made) + 1} pages are sound")


if __name__ == "__main__":
    main()
