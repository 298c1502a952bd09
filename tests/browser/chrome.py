"""Headless Chromium through chromedriver's HTTP interface: open a page as a phone, a tablet or a wall
shows it, run a script in it, press what a person would press, take its picture."""
import base64
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from rig.proc import free_port, wait_for

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
PHONE, TABLET, WALL = (390, 844), (1280, 800), (1920, 1080)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def available():
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


class Chrome:
    def __init__(self, javascript=True, lang="zh-CN"):
        self.port = free_port()
        self.profile = tempfile.mkdtemp(prefix="lotline-chrome-")
        self.driver = subprocess.Popen(["chromedriver", f"--port={self.port}", "--silent"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("chromedriver", self._ready, 20)
        prefs = {"intl.accept_languages": lang}
        if not javascript:
            prefs["profile.managed_default_content_settings.javascript"] = 2
        options = {"binary": shutil.which("chromium"), "prefs": prefs,
                   "args": FLAGS + [f"--user-data-dir={self.profile}", f"--accept-lang={lang}"]}
        caps = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": caps}})["sessionId"]

    def _ready(self):
        try:
            return self._ask("GET", "/status")["ready"]
        except OSError:
            return False

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        req = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, method=method,
                                     headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(req, timeout=60) as r:
                return json.load(r)["value"]
        except urllib.error.HTTPError as e:
            raise RuntimeError(json.load(e)["value"]["message"].splitlines()[0]) from None

    def _do(self, method, path, body=None):
        return self._ask(method, f"/session/{self.session}{path}", body)

    def cdp(self, command, **params):
        return self._do("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def size(self, size, mobile=None):
        width, height = size
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                 mobile=width < 600 if mobile is None else mobile)
        return self

    def open(self, url):
        self._do("POST", "/url", {"url": url})
        return self

    def script(self, text, *args):
        return self._do("POST", "/execute/sync", {"script": text, "args": list(args)})

    def text(self, css):
        """What a person reads there; None when there is no such element."""
        return self.script("const e = document.querySelector(arguments[0]); return e && e.innerText", css)

    def press(self, css):
        """A real click in the middle of it: refused when something else lies over it. Once more when the page
        drew it anew between finding and pressing."""
        for left in (2, 1, 0):
            e = self._do("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]
            try:
                return self._do("POST", f"/element/{e}/click", {})
            except RuntimeError as why:
                if "stale element" not in str(why) or not left:
                    raise

    def until(self, what, condition, seconds=10):
        """condition: the body of a script; waits until it returns something true."""
        return wait_for(what, lambda: self.script(condition), seconds)

    def log(self):
        """Console messages since the last call; a page should leave none."""
        return [m["message"] for m in self._do("POST", "/se/log", {"type": "browser"})]

    def picture(self, path, full=False):
        params = dict(format="png")
        if full:
            box = self.cdp("Page.getLayoutMetrics")["cssContentSize"]
            params.update(captureBeyondViewport=True,
                          clip=dict(x=0, y=0, width=box["width"], height=box["height"], scale=1))
        data = base64.b64decode(self.cdp("Page.captureScreenshot", **params)["data"])
        pathlib.Path(path).write_bytes(data)
        return len(data)

    def close(self):
        try:
            self._do("DELETE", "")
        except OSError:
            pass
        self.driver.terminate()
        self.driver.wait(10)
        for _ in range(20):
            shutil.rmtree(self.profile, ignore_errors=True)
            if not pathlib.Path(self.profile).exists():
                break
            time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
