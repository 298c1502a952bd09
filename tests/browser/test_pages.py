"""The buyer's page as a phone shows it: with and without JavaScript, in both languages, in every verdict; and
a server that lies is caught by the phone."""
import http.server
import re
import threading
import urllib.parse
import urllib.request

import pytest
from chrome import PHONE, TABLET

VERDICTS = [("ok", "有效", "Valid"), ("hold", "暂停", "On hold"), ("recalled", "已召回", "Recalled"), ("void", "已作废", "Void")]


@pytest.mark.parametrize("name, zh, en", VERDICTS)
def test_the_verdict_stands_first_in_both_languages(place, plain_browser, name, zh, en):
    plain_browser.size(PHONE).open(place.sealed(name))
    assert plain_browser.text("header b").strip() == zh
    top = plain_browser.script("return document.querySelector('header').getBoundingClientRect().top")
    assert top == 0
    plain_browser.press("header a")
    plain_browser.until("the other language", f"return document.querySelector('header b').textContent === {en!r}")
    assert "s=" + place.boxes[name]["seal"] in plain_browser.script("return location.search"), "the seal goes on"
    assert plain_browser.log() == []


def test_without_javascript_the_server_says_that_it_has_checked(place, plain_browser):
    plain_browser.size(PHONE).open(place.sealed("ok"))
    for item in ("seal", "sign", "log"):
        assert plain_browser.script(f"return document.getElementById('c-{item}').className") == "ok"
    assert "由服务器核对" in plain_browser.text("#who")
    assert "1.200" in plain_browser.text("main")


def test_nothing_is_wider_than_a_phone_and_nothing_comes_from_elsewhere(place, browser):
    browser.cdp("Network.enable")
    for query in ("", "&lang=en"):
        browser.size(PHONE).open(place.sealed("ok", query))
        assert browser.script("return document.documentElement.scrollWidth") <= PHONE[0]
        urls = browser.script("return performance.getEntriesByType('resource').map(e => e.name)")
        own = place.public("/")
        assert urls and all(u.startswith(own) for u in urls), urls
    assert browser.script("return document.cookie") == ""
    assert browser.log() == []


def checked(browser):
    browser.until("the phone's own verdict", "return document.getElementById('who').className !== 'm none'")
    return {k: browser.script(f"return document.getElementById('c-{k}').className") for k in ("seal", "sign", "log", "page")}


def test_the_phone_checks_it_itself(place, browser):
    browser.size(PHONE).open(place.sealed("ok"))
    assert checked(browser) == dict(seal="ok", sign="ok", log="ok", page="ok")
    assert "由您的手机自己核对" in browser.text("#who")
    assert not browser.script("return document.body.classList.contains('broken')")
    browser.open(place.box("ok"))
    assert checked(browser) == dict(seal="none", sign="ok", log="ok", page="ok")


def test_a_lot_is_checked_like_a_box(place, browser):
    browser.size(PHONE).open(place.public("/10/" + place.boxes["ok"]["lot"]))
    assert checked(browser) == dict(seal="none", sign="ok", log="ok", page="ok")


@pytest.mark.parametrize("seal", ["0000000000000000", "x", "%3Cscript%3E", "%E5%85%9A"])
def test_another_seal_is_red(place, browser, seal):
    browser.size(PHONE).open(place.box("ok", "?s=" + seal))
    assert browser.script("return document.querySelector('header').classList.contains('bad')")
    assert checked(browser)["seal"] == "bad"
    assert browser.text("header b") == "封签不符"


class Liar(http.server.BaseHTTPRequestHandler):
    """Passes pages on and changes them on the way, as a server with something to hide would."""
    origin, lie = "", staticmethod(lambda path, body: body)

    def do_GET(self):
        req = urllib.request.Request(self.origin + self.path, headers={"Accept-Language": "zh-CN"})
        with urllib.request.urlopen(req, timeout=10) as r:
            body = self.lie(self.path, r.read())
            self.send_response(r.status)
            self.send_header("Content-Type", r.headers["Content-Type"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def weight(path, body):
    return body.replace(b">1.200</b>", b">9.200</b>") if path.startswith("/B/") else body


def history(path, body):
    return body.replace(b'"net_mg":1200000', b'"net_mg":9200000') if path.endswith("/event") else weight(path, body)


def proof(path, body):
    return re.sub(rb"(proof&quot;:\[&quot;)(.)", lambda m: m.group(1) + (b"0" if m.group(2) != b"0" else b"1"), body)


def signature(path, body):
    return re.sub("(— [^ ]+ .{20})(.)".encode(), lambda m: m.group(1) + (b"A" if m.group(2) != b"A" else b"B"), body)


def verdict(path, body):
    """Every box is sold as one and the same good one, whatever label was scanned."""
    return body.replace(b'"v bad"', b'"v ok"').replace("封签不符".encode(), "有效".encode())


def another_box(path, body):
    return body.replace(b"k-box\">", b"k-box\">X") if path.startswith("/B/") else body


@pytest.mark.parametrize("lie, caught, query", [
    (weight, "page", ""), (history, "page", ""), (proof, "log", ""), (signature, "sign", ""), (another_box, "page", ""),
    (verdict, "seal", "?s=0000000000000000")])
def test_a_server_that_lies_is_caught_by_the_phone(place, browser, lie, caught, query):
    handler = type("H", (Liar,), dict(origin=place.public(""), lie=staticmethod(lie)))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        browser.size(PHONE).open(f"http://127.0.0.1:{server.server_port}" +
                                 (f"/B/{place.boxes['ok']['box']}{query}" if query else place.boxes["ok"]["path"]))
        assert checked(browser)[caught] == "bad"
        assert browser.script("return document.body.classList.contains('broken')")
        assert "核对不符" in browser.text("header")
    finally:
        server.shutdown()


def test_a_wrong_number_is_named_and_can_be_typed_again(place, plain_browser):
    plain_browser.size(PHONE).open(place.public("/10/G261124-A012U"))
    assert "号码不对" in plain_browser.text("h1") and "批次号" in plain_browser.text("main")
    plain_browser.open(place.public("/"))
    box = place.boxes["ok"]["box"]
    field = "document.getElementById('q')"
    plain_browser.script(f"{field}.value = '{box[:4]} {box[4:].lower()}'; {field}.form.submit()")
    plain_browser.until("the box's page", "return document.getElementById('k-box') !== null")
    assert plain_browser.text("#k-box") == box
    plain_browser.open(place.public("/B/0000000000"))
    assert plain_browser.text("header b") == "未知"


def test_a_report_reaches_the_shed(place, plain_browser):
    plain_browser.size(PHONE).open(place.box("ok"))
    plain_browser.script("document.getElementById('text').value = '箱子受潮'")
    plain_browser.press("form button")
    plain_browser.until("thanks", "return document.querySelector('h1').textContent === '谢谢'")


def test_a_label_is_read_by_a_scanner_from_the_screen(place, browser, tmp_path):
    import shutil
    import subprocess
    if not shutil.which("zbarimg"):
        pytest.skip("zbar-tools is not there")
    box = place.boxes["ok"]
    browser.size(TABLET).open(place.inside("/label/" + box["box"]))
    browser.until("the picture", "return document.images[0].complete && document.images[0].naturalWidth > 0")
    browser.picture(tmp_path / "label.png")
    r = subprocess.run(["zbarimg", "-q", "--raw", tmp_path / "label.png"], capture_output=True, text=True)
    assert r.stdout.strip() == "https://LOTLINE.EXAMPLE" + box["path"]
    assert urllib.parse.urlparse(r.stdout.strip()).scheme == "https"
