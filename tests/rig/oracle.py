"""Grade and outlet as a person would decide them from the prose of the standards, for judging the
daemon. Shares nothing with its crops or its code.

潞党 by head diameter: 1 from 10 mm, 2 from 8 mm, 3 from 4 mm, below that reject. 油条 (black) has no
place in 1 and 2; in 3 it may make up at most 10 % of the weight. Mould and worm: reject."""

BLACK, MOULD, WORM = 1, 2, 4
OVER, UNDER, NO_WEIGHT, DOUBLE, VALID, STABLE = 4, 8, 16, 64, 1, 2


class Lu:
    limits_um = ((10000, "1"), (8000, "2"), (4000, "3"))

    def __init__(self):
        self.mg = {"3": 0}
        self.black_mg = {"3": 0}

    def grade(self, net_mg, dia_um, defects, flags):
        """Grade code, or None when the item cannot be judged."""
        if net_mg is None or flags & (OVER | UNDER | NO_WEIGHT | DOUBLE) or not flags & VALID or not flags & STABLE:
            return None
        if defects & (MOULD | WORM):
            return "reject"
        by_size = next((g for limit, g in self.limits_um if dia_um >= limit), "reject")
        if by_size == "reject":
            return "reject"
        if not defects & BLACK:
            if by_size == "3":
                self.mg["3"] += net_mg
            return by_size
        if (self.black_mg["3"] + net_mg) * 1000000 <= 100000 * (self.mg["3"] + net_mg):
            self.mg["3"] += net_mg
            self.black_mg["3"] += net_mg
            return "3"
        return "reject"
