"""The screens of the shed: what a person presses is recorded once, what is old is grey, what is away is said."""
import json
import os
import signal
import sqlite3
import time

import pytest
from chrome import PHONE, TABLET, WALL, Chrome
from rig.proc import wait_for

MM = 96 / 25.4
TOUCH = 15 * MM - 0.5


def count(place, sql, *args):
    db = sqlite3.connect(f"file:{place.shed.db}?mode=ro", uri=True)
    try:
        return db.execute(sql, args).fetchone()[0]
    finally:
        db.close()


def state(browser, *names, seconds=10):
    browser.until("the station to be " + " or ".join(names),
                  f"return {list(names)}.includes(document.getElementById('scale').dataset.state)", seconds)


def tile(browser, label):
    """Presses the tile with this text; once more when the page drew the tiles anew before the press."""
    mark = f"""
        const t = [...document.querySelectorAll('#tiles button')].find(b => b.firstChild.textContent === {label!r});
        for (const b of document.querySelectorAll('#tiles button')) b.removeAttribute('data-test');
        if (t) t.setAttribute('data-test', '1');
        return !!t"""
    for left in (2, 1, 0):
        browser.until("a tile " + label, mark)
        try:
            return browser.press("#tiles button[data-test]")
        except RuntimeError as why:
            if "no such element" not in str(why) or not left:
                raise


def said(browser, text):
    browser.until("\"" + text + "\" to be said", f"return document.getElementById('said').textContent.includes({text!r})")


@pytest.fixture
def station(place, browser):
    place.hands.unload()
    browser.size(TABLET).open(place.inside("/station?lang=zh"))
    state(browser, "empty")
    browser.until("the lists", "return document.querySelectorAll('#tiles button').length > 0")
    return browser


def pressed(browser):
    """Presses the button in the moment when it may be pressed: on a busy machine a value may be old again
    before a second call comes."""
    browser.until("the button", "const b = document.getElementById('accept'); if (b.disabled) return false; b.click(); return true")


def accept(place, browser, mg):
    place.hands.load(mg)
    state(browser, "ready")
    pressed(browser)


def cleared(place, browser):
    place.hands.unload()
    state(browser, "empty")


def test_a_delivery_is_received_with_three_presses(place, station):
    before = count(place, "SELECT count(*) FROM weighing")
    tile(station, "示例农户2")
    accept(place, station, 12346000)
    said(station, "已记录 12.346 kg")
    assert count(place, "SELECT count(*) FROM weighing") == before + 1
    lot = count(place, "SELECT lot FROM weighing ORDER BY event_seq DESC LIMIT 1")
    assert count(place, "SELECT mg FROM lot WHERE lot = ?", lot) == 12346000
    assert station.text("[data-step=lot] .v").startswith(lot), "the next crate goes into the same lot"
    state(station, "accepted")
    assert station.script("return document.getElementById('accept').disabled")
    cleared(place, station)
    accept(place, station, 5000000)
    said(station, "已记录 5.000 kg")
    assert count(place, "SELECT mg FROM lot WHERE lot = ?", lot) == 17346000
    cleared(place, station)
    station.press("#actions button")
    said(station, "已收完")
    assert count(place, "SELECT state FROM lot WHERE lot = ?", lot) == "closed"
    assert station.log() == []


def test_somebody_else_brings_it(place, station):
    tile(station, "示例农户3")
    station.press("[data-step=deliverer]")
    tile(station, "示例农户4")
    accept(place, station, 2000000)
    said(station, "已记录 2.000 kg")
    lot = count(place, "SELECT lot FROM weighing ORDER BY event_seq DESC LIMIT 1")
    farmers = place.hands.farmers
    assert count(place, "SELECT farmer FROM lot WHERE lot = ?", lot) == farmers[2]
    assert count(place, "SELECT deliverer FROM lot WHERE lot = ?", lot) == farmers[3]


def test_a_hundred_taps_count_once(place, station):
    tile(station, "示例农户1")
    place.hands.load(3000000)
    state(station, "ready")
    before = count(place, "SELECT count(*) FROM weighing")
    station.until("a hundred taps", """const b = document.getElementById('accept');
        if (b.disabled) return false;
        for (let i = 0; i < 100; i++) b.click();
        return true""")
    said(station, "已记录 3.000 kg")
    time.sleep(0.5)
    assert count(place, "SELECT count(*) FROM weighing") == before + 1


def test_an_answer_that_got_lost_counts_once(place, station):
    """The first answer never arrives; the screen asks again with the same id."""
    tile(station, "示例农户1")
    place.hands.load(4000000)
    state(station, "ready")
    before = count(place, "SELECT count(*) FROM weighing")
    station.script("""const real = window.fetch;
        window.lost = 0;
        window.fetch = async (url, o) => {
          const r = await real(url, o);
          if (String(url).startsWith('/do/station.accept') && !window.lost++) throw new TypeError('connection lost');
          return r;
        }""")
    pressed(station)
    said(station, "已记录 4.000 kg")
    assert station.script("return window.lost") == 2
    assert count(place, "SELECT count(*) FROM weighing") == before + 1


def test_sorting_by_hand_out_and_back(place, station):
    lot = place.hands.intake(place.hands.farmers[0], [6000000])
    cleared(place, station)
    station.press("[data-mode=hand]")
    tile(station, "示例工人")
    station.until("the new lot", f"return !!document.querySelector(\"#tiles button[data-id='{lot}']\")")
    station.press(f"#tiles button[data-id='{lot}']")
    accept(place, station, 5000000)
    said(station, "已记录 5.000 kg")
    cleared(place, station)
    for grade, mg in (("一等", 2600000), ("二等", 1400000), ("泥土", 800000)):
        tile(station, grade)
        accept(place, station, mg)
        said(station, f"已记录 {mg / 1e6:.3f} kg")
        cleared(place, station)
    station.press("#actions button")
    said(station, "领出 5.000 kg，交回 4.800 kg，差 0.200 kg")


def test_a_box_is_packed_and_its_label_offered(place, station):
    lot = place.boxes["ok"]["lot"]
    station.press("[data-mode=box]")
    station.until("lots", f"return !!document.querySelector(\"#tiles button[data-id='{lot}']\")")
    station.press(f"#tiles button[data-id='{lot}']")
    accept(place, station, 400000)
    said(station, "已记录 0.400 kg")
    href = station.script("return document.querySelector('#said a').getAttribute('href')")
    box = count(place, "SELECT box FROM unit ORDER BY event_seq DESC LIMIT 1")
    assert href == f"/label/{box}"


def test_what_was_weighed_wrongly_is_made_void(place, station):
    tile(station, "示例农户4")
    accept(place, station, 7000000)
    said(station, "已记录 7.000 kg")
    weighing = count(place, "SELECT weighing FROM weighing ORDER BY event_seq DESC LIMIT 1")
    cleared(place, station)
    station.until("the weighing in the list", "return document.querySelector('#recent li b').textContent === '7.000'")
    station.press("#recent li button")
    tile(station, "称错了")
    said(station, "已作废")
    assert count(place, "SELECT voided_seq IS NOT NULL FROM weighing WHERE weighing = ?", weighing) == 1
    station.until("it to be struck out", "return document.querySelector('#recent li').className === 'void'")


def test_a_refusal_says_why_and_the_next_try_counts(place, station):
    tile(station, "示例农户1")
    place.hands.load(8000000)
    state(station, "ready")
    station.script("""const real = window.fetch;
        window.fetch = (url, o) => {
          if (!String(url).startsWith('/do/station.accept')) return real(url, o);
          window.fetch = real;
          return real(url, {...o, body: o.body.replace(/"shown_mg":\\d+/, '"shown_mg":1')});
        }""")
    before = count(place, "SELECT count(*) FROM weighing")
    pressed(station)
    said(station, "没有记上")
    assert count(place, "SELECT count(*) FROM weighing") == before
    pressed(station)
    said(station, "已记录 8.000 kg")


def test_an_old_value_is_grey_within_a_second(place, station):
    sim = place.shed.parts["sim"].p.pid
    os.kill(sim, signal.SIGSTOP)
    try:
        station.until("a grey value", "return document.getElementById('scale').classList.contains('stale')", 2)
        assert station.script("return document.getElementById('accept').disabled")
    finally:
        os.kill(sim, signal.SIGCONT)
    state(station, "empty", "not-zero", "moving", "unchecked")
    station.until("a fresh value", "return !document.getElementById('scale').classList.contains('stale')")


def test_a_daemon_that_is_away_is_said_and_comes_again(place, station):
    tile(station, "示例农户1")
    place.shed.parts["lotlined"].kill()
    station.until("the alarm", "return !document.getElementById('away').hidden", 5)
    assert station.script("return document.getElementById('accept').disabled")
    assert station.script("return document.getElementById('scale').classList.contains('stale')")
    place.shed.start_daemon()
    state(station, "empty", "not-zero", "ready", seconds=15)
    station.until("the alarm to end", "return document.getElementById('away').hidden")
    place.hands.unload()
    accept(place, station, 2500000)
    said(station, "已记录 2.500 kg")


@pytest.mark.parametrize("size", [TABLET, PHONE])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_fingers_find_their_buttons(place, browser, size, lang):
    browser.size(size).open(place.inside(f"/station?lang={lang}"))
    browser.until("the lists", "return document.querySelectorAll('#tiles button').length > 0")
    small = browser.script("""return [...document.querySelectorAll('button, a.button')].filter(b => b.offsetParent)
        .map(b => [b.textContent, b.getBoundingClientRect().width, b.getBoundingClientRect().height])
        .filter(([t, w, h]) => w < arguments[0] || h < arguments[0])""", TOUCH)
    assert small == []
    assert browser.script("return document.documentElement.scrollWidth") <= size[0]
    if size == TABLET:
        assert browser.script("return document.documentElement.scrollHeight") <= size[1], "one screen, no scrolling"
        digits = browser.script("""const s = getComputedStyle(document.getElementById('net'));
            const c = document.createElement('canvas').getContext('2d');
            c.font = s.fontWeight + ' ' + s.fontSize + ' ' + s.fontFamily;
            return c.measureText('8').actualBoundingBoxAscent""")
        assert digits >= 25 * MM


def test_without_javascript_the_station_says_what_it_needs(place, plain_browser):
    plain_browser.size(TABLET).open(place.inside("/station?lang=zh"))
    assert "JavaScript" in plain_browser.text("noscript") or "JavaScript" in plain_browser.text("body")


# ---- the line

def test_the_line_shows_its_rate_and_its_outlets(place, browser):
    place.hands.unload()
    lots = [place.hands.intake(place.hands.farmers[0], [9000000])]
    place.hands.run(lots, boxes=(1, 2))
    sim = place.shed.sim()
    sim.do("s1", "feed", items=100000, rate=10)
    try:
        browser.size(WALL).open(place.inside("/line?lang=zh"))
        browser.until("a rate", "return Number(document.querySelector('.rate')?.textContent) > 300", 20)
        assert browser.text(".state b") == "运行"
        assert browser.script("return document.querySelectorAll('.out').length") == 5
        assert browser.script("return document.querySelector('.one').className") == "card one", "no colour when all is well"
        grades = "return [...document.querySelectorAll('.out .grade')].map(e => e.textContent)"
        assert browser.script(grades) == ["一等", "二等", "三等", "等外", "–"], "which grade goes where"
        browser.open(place.inside("/line?lang=en"))
        browser.until("the outlets", "return document.querySelectorAll('.out .grade').length === 5")
        assert browser.script(grades) == ["First grade", "Second grade", "Third grade", "Off grade", "–"]
        assert browser.log() == []
    finally:
        sim.do("s1", "pause")


def test_stopping_the_feed_takes_two_presses_and_going_on_one(place, browser):
    browser.size(TABLET).open(place.inside("/line?lang=zh"))
    browser.until("the line", "return !!document.querySelector('.stop')?.textContent")
    browser.press(".stop")
    assert browser.text(".stop") == "再按一次停料"
    assert not place.shed.line()["feed_stop_wanted"]
    browser.press(".stop")
    wait_for("the request", lambda: place.shed.line()["feed_stop_wanted"])
    browser.until("the button to offer going on", "return document.querySelector('.stop').textContent === '恢复喂料'")
    browser.press(".stop")
    wait_for("the end of the request", lambda: not place.shed.line()["feed_stop_wanted"])


def test_a_cut_line_turns_grey_and_red(place, browser):
    browser.size(TABLET).open(place.inside("/line?lang=zh"))
    browser.until("the line", "return !!document.querySelector('.state b')?.textContent")
    sim = place.shed.parts["sim"].p.pid
    os.kill(sim, signal.SIGSTOP)
    try:
        browser.until("grey values", "return document.querySelector('.one').classList.contains('old')", 3)
        browser.until("a red state", "return document.querySelector('.one').classList.contains('tone-bad')", 3)
    finally:
        os.kill(sim, signal.SIGCONT)
    browser.until("fresh values", "return !document.querySelector('.one').classList.contains('old')", 10)


def test_six_tabs_share_one_connection(place):
    def feeds():
        return json.loads(place.shed.get("/healthz", "shed")[2])["live"]
    others = feeds()  # a page of an earlier test may still be open
    with Chrome() as c:
        first = c.size(TABLET).open(place.inside("/line?lang=zh"))._do("GET", "/window")
        c.until("the line", "return !!document.querySelector('.age')?.textContent")
        for _ in range(5):
            c._do("POST", "/window", {"handle": c._do("POST", "/window/new", {"type": "tab"})["handle"]})
            c.open(place.inside("/line?lang=zh"))
            c.until("the line in another tab", "return !!document.querySelector('.age')?.textContent")
        assert feeds() <= others + 1
        c._do("POST", "/window", {"handle": first})
        c._do("DELETE", "/window")
        c._do("POST", "/window", {"handle": c._do("GET", "/window/handles")[-1]})
        c.script("window.before = document.getElementById('asof').textContent")
        time.sleep(2.5)
        assert c.script("return document.getElementById('asof').textContent !== window.before"), "another tab takes over"


def test_33_feeds_are_one_too_many(place):
    import socket
    socks = []
    try:
        answers = []
        for _ in range(34):
            s = socket.create_connection(("127.0.0.1", place.shed.web_port["shed"]), timeout=5)
            s.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
            answers.append(s.recv(20))
            socks.append(s)
        assert any(b"503" in a for a in answers)
    finally:
        for s in socks:
            s.close()


# ---- who may press

@pytest.mark.parametrize("headers, status", [
    ({"Content-Type": "application/json"}, 404),  # a program: the answer of lotlined
    ({"Content-Type": "application/json", "Origin": "https://evil.example"}, 403),
    ({"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}, 403),
    ({"Content-Type": "text/plain"}, 415),
    ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
])
def test_another_site_cannot_press_our_buttons(place, headers, status):
    import urllib.error
    import urllib.request
    body = b'{"request_id":"x","args":{"line":"no-such-line"}}'
    req = urllib.request.Request(place.inside("/do/feed.stop"), data=body, headers=headers)
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(req, timeout=5)
    assert e.value.code == status
