"""The frames of the XK3190 manuals: bytes of what an indicator shows. None: it says nothing then.

What a continuous or asked indicator sends in overload stands in no manual that was seen: here it is silent.
"""


def xor_text(data):
    value = 0
    for byte in data:
        value ^= byte
    return b"%02X" % value


def steps(grams, decimals):
    """The number behind the display: grams of a kilogram with so many decimals."""
    return round(abs(grams) * 10 ** decimals / 1000)


def continuous(one, decimals, now):
    if one.over(now):
        return None
    grams = one.shown_g(now)
    body = b"%s%06d%d" % (b"-" if grams < 0 else b"+", steps(grams, decimals), decimals)
    return b"\x02" + body + xor_text(body) + b"\x03"


def _seven(grams, decimals):
    """Seven characters with the point among them; without decimals there is none."""
    number = steps(grams, decimals)
    if decimals == 0:
        return "%07d" % number
    return "%0*d.%0*d" % (6 - decimals, number // 10 ** decimals, decimals, number % 10 ** decimals)


def equals(one, decimals, now):
    if one.over(now):
        return None
    grams = one.shown_g(now)
    return ("=" + _seven(grams, decimals)[::-1] + ("-" if grams < 0 else "0")).encode()


def equals_high(one, decimals, now):
    if one.over(now):
        return None
    grams = one.shown_g(now)
    return ("=" + ("-" if grams < 0 else "0") + _seven(grams, decimals)).encode()


def a12(one, decimals, now):
    if one.over(now) or one.under(now):
        return b" " * 9 + (b"OL" if one.over(now) else b"LO") + b"23\r\n"
    grams = one.shown_g(now)
    value = _seven(grams, decimals) if decimals else "%06d " % steps(grams, 0)
    if grams < 0:
        value = "-" + value[1:]
    body = ("W" + ("N" if one.tare_g else "G") + value + "kg").encode()
    return body + xor_text(body) + b"\r\n"


def asked(one, decimals, now, address="A", letter="D"):
    if one.over(now):
        return None
    if letter == "A":
        body = b"%sA" % address.encode()
        return b"\x02" + body + xor_text(body) + b"\x03"
    grams = {"B": one.gross_g(now), "C": one.tare_g, "D": one.shown_g(now)}[letter]
    body = b"%s%s%s%06d%d" % (address.encode(), letter.encode(), b"-" if grams < 0 else b"+",
                              steps(grams, decimals), decimals)
    return b"\x02" + body + xor_text(body) + b"\x03"


FORMATS = {"continuous": continuous, "equals": equals, "equals-high": equals_high, "a12": a12, "asked": asked}


def asked_command(request):
    """(address, letter) of a right request of six bytes, else None."""
    if request[0] != 2 or request[5] != 3 or request[3:5] != xor_text(request[1:3]):
        return None
    address, letter = chr(request[1]), chr(request[2])
    return (address, letter) if "A" <= address <= "Z" and letter in "ABCD" else None


def drifted(frame, shift):
    """As a receiver of another speed sees it: the bits of the frame moved, some characters too many."""
    bits = int.from_bytes(frame, "big") << shift
    return bits.to_bytes(len(frame) + 1, "big")[1:] + frame[:shift]
