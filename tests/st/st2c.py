"""Translates the Structured Text of plc-maps/st/ to C, so that the text that integrators get is the text
that the tests run.

The subset: FUNCTION and one FUNCTION_BLOCK; VAR_INPUT, VAR_OUTPUT, VAR_IN_OUT (arrays), VAR, VAR RETAIN,
VAR CONSTANT; BOOL INT UINT DINT UDINT WORD DWORD and ARRAY[0..n] of them; assignment, IF, CASE, FOR
(step 1), WHILE, EXIT, RETURN; calls of own functions with named arguments; the conversions of CONVERT.
Everything else is an error with its line. It is stricter than a PLC: types never mix; AND and OR always
evaluate both sides; a sum that overflows, a conversion that loses, an index outside its array ends the
program. So what passes here does not rest on what one vendor does there.

In a block every statement begins with ST_STEP: the test's moment to look, to write a word, to cut power.

    st2c.py FILE.st [--tune NAME,…] > FILE.h      NAME: a constant that a test may set, self->tune.NAME"""
import re
import sys

BITS = {"BOOL": 1, "WORD": 16, "DWORD": 32}
INTS = {"INT": (-2**15, 2**15 - 1), "UINT": (0, 2**16 - 1), "DINT": (-2**31, 2**31 - 1), "UDINT": (0, 2**32 - 1)}
RANGE = {**INTS, **{kind: (0, 2**bits - 1) for kind, bits in BITS.items()}}
C_TYPE = {"BOOL": "bool", "INT": "int16_t", "UINT": "uint16_t", "DINT": "int32_t", "UDINT": "uint32_t",
          "WORD": "uint16_t", "DWORD": "uint32_t"}
# Same bits, or the same value (checked).
CONVERT = {"WORD_TO_UINT", "UINT_TO_WORD", "DWORD_TO_UDINT", "UDINT_TO_DWORD", "DINT_TO_DWORD",
           "DWORD_TO_DINT", "INT_TO_WORD", "UINT_TO_UDINT", "UDINT_TO_UINT", "INT_TO_UINT", "UINT_TO_INT",
           "INT_TO_DINT", "DINT_TO_INT", "UINT_TO_DINT", "DINT_TO_UINT"}
KEYWORDS = set("""FUNCTION END_FUNCTION FUNCTION_BLOCK END_FUNCTION_BLOCK VAR VAR_INPUT VAR_OUTPUT VAR_IN_OUT END_VAR RETAIN
CONSTANT ARRAY OF IF THEN ELSIF ELSE END_IF CASE END_CASE FOR TO DO END_FOR WHILE END_WHILE EXIT RETURN AND OR
XOR NOT MOD TRUE FALSE""".split()) | set(C_TYPE)
TOKEN = re.compile(r"\s+|\(\*.*?\*\)|(?P<hex>16#[0-9A-Fa-f_]+)|(?P<num>\d[\d_]*)(?!\.\d)|(?P<name>[A-Za-z_]\w*)|"
                   r"(?P<op>:=|<=|>=|<>|\.\.|[-+*/=<>()\[\],;:])", re.S)
SECTIONS = {"VAR_INPUT": "in", "VAR_OUTPUT": "out", "VAR_IN_OUT": "shared", "VAR": "var", "VAR RETAIN": "keep",
            "VAR CONSTANT": "const"}


class Refused(Exception):
    pass


def tokens(text):
    at, line, out = 0, 1, []
    while at < len(text):
        m = TOKEN.match(text, at)
        if not m:
            raise Refused(f"{line}: not of the subset: {text[at:at + 20].splitlines()[0]!r}")
        if m.lastgroup:
            word = m.group()
            if m.lastgroup == "name" and word.upper() in KEYWORDS and word != word.upper():
                raise Refused(f"{line}: {word}: keywords are written in capitals")
            out.append(("key" if word in KEYWORDS else m.lastgroup, word, line))
        line += m.group().count("\n")
        at = m.end()
    return out + [("end", "the end", line)]


class Var:
    def __init__(self, name, kind, section, size=None, init=None):
        self.name, self.type, self.section, self.size, self.init = name, kind, section, size, init


class Value:
    """C text, its type (None: a literal that takes the other side's), the literal's value."""

    def __init__(self, text, kind, number=None):
        self.text, self.type, self.number = text, kind, number


class Translator:
    def __init__(self, text, tune=()):
        self.toks, self.at, self.tune = tokens(text), 0, set(tune)
        self.functions, self.vars, self.out, self.block = {}, {}, [], None
        self.loops, self.depth = [], 0

    # ---- reading
    def line(self):
        return self.toks[self.at][2]

    def refuse(self, why):
        raise Refused(f"{self.line()}: {why}")

    def next(self):
        tok = self.toks[self.at]
        self.at += 1
        return tok

    def have(self, *texts):
        if self.toks[self.at][1] in texts and self.toks[self.at][0] in ("key", "op"):
            return self.next()[1]
        return None

    def need(self, text):
        if not self.have(text):
            self.refuse(f"{text} expected, not {self.toks[self.at][1]}")

    def name(self):
        if self.toks[self.at][0] != "name":
            self.refuse(f"a name expected, not {self.toks[self.at][1]}")
        return self.next()[1]

    def type_name(self):
        word = self.next()[1]
        if word not in C_TYPE:
            self.refuse(f"{word} is no type of the subset")
        return word

    # ---- declarations
    def number(self):
        sign = -1 if self.have("-") else 1
        kind, word, _ = self.next()
        if kind == "num":
            return sign * int(word.replace("_", ""))
        if kind == "hex":
            return int(word[3:].replace("_", ""), 16)
        if word in ("TRUE", "FALSE"):
            return int(word == "TRUE")
        self.refuse(f"a number expected, not {word}")

    def declare(self, section):
        name, kind, size, init = self.name(), None, None, None
        self.need(":")
        if self.have("ARRAY"):
            for t in ("[", "0", ".."):
                if self.next()[1] != t:
                    self.refuse("arrays begin at 0")
            size = self.name() if self.toks[self.at][0] == "name" else self.number()
            self.need("]")
            self.need("OF")
        kind = self.type_name()
        if self.have(":="):
            init = self.number()
            self.fits(init, kind)
        self.need(";")
        if any(v.lower() == name.lower() for v in [*self.vars, *self.functions]):
            self.refuse(f"{name} is declared twice (case does not count)")
        if section == "const" and init is None:
            self.refuse(f"constant {name} without a value")
        if section == "shared" and size is None:
            self.refuse(f"{name}: only arrays are shared")
        self.vars[name] = Var(name, kind, section, size, init)

    def declarations(self, allowed):
        while (word := self.have("VAR", "VAR_INPUT", "VAR_OUTPUT", "VAR_IN_OUT")):
            if word == "VAR" and (more := self.have("RETAIN", "CONSTANT")):
                word = f"VAR {more}"
            if SECTIONS[word] not in allowed:
                self.refuse(f"{word} does not stand here")
            while not self.have("END_VAR"):
                self.declare(SECTIONS[word])

    def fits(self, number, kind):
        lo, hi = RANGE[kind]
        if not lo <= number <= hi:
            self.refuse(f"{number} is no {kind}")

    # ---- names in C
    def place(self, v):
        if self.block is None:
            return v.name
        if v.section == "shared":
            return f"self->{v.name}"
        if v.section == "const":
            return f"self->tune.{v.name}" if v.name in self.tune else f"(({C_TYPE[v.type]}){v.init})"
        return f"self->{v.section}.{v.name}"

    def length(self, v):
        if isinstance(v.size, int):
            return str(v.size + 1)
        if v.size not in self.vars or self.vars[v.size].section != "const":
            self.refuse(f"{v.size} is no constant")
        return f"({self.place(self.vars[v.size])} + 1u)"

    def variable(self, to_write):
        name = self.name()
        v = self.vars.get(name)
        if not v:
            self.refuse(f"{name} is not declared")
        if to_write and (v.section in ("in", "const") or name in self.loops):
            self.refuse(f"{name} is not written here")
        if v.size is None:
            return Value(self.place(v), v.type)
        self.need("[")
        line, index = self.line(), self.settle(self.expression(), "UINT")
        self.need("]")
        if index.type not in INTS:
            self.refuse("an index is a number")
        return Value(f"{self.place(v)}[st_index({index.text}, {self.length(v)}, {line})]", v.type)

    # ---- expressions
    def settle(self, v, kind):
        """A literal becomes of that type; what has a type keeps it."""
        if v.type is None:
            self.fits(v.number, kind)
            return Value(f"(({C_TYPE[kind]}){v.number}{'' if v.number < 0 else 'u'})", kind)
        return v

    def pair(self, a, b, op):
        if a.type is None and b.type is None:
            self.refuse(f"{op} of two literals: write the result")
        a, b = self.settle(a, b.type), self.settle(b, a.type)
        if a.type != b.type:
            self.refuse(f"{a.type} {op} {b.type}: types do not mix")
        return a, b

    def chain(self, lower, ops, combine):
        left = lower()
        while (op := self.have(*ops)):
            line = self.line()
            a, b = self.pair(left, lower(), op)
            left = combine(op, a, b, line)
        return left

    def expression(self):
        return self.chain(lambda: self.chain(lambda: self.chain(self.comparison, ("AND",), self.bits), ("XOR",),
                                             self.bits), ("OR",), self.bits)

    def bits(self, op, a, b, _line):
        if a.type not in BITS:
            self.refuse(f"{op} of {a.type}")
        c = {"AND": "&", "OR": "|", "XOR": "^"}[op]
        return Value(f"(({C_TYPE[a.type]})({a.text} {c} {b.text}))", a.type)

    def comparison(self):
        left = self.sum()
        op = self.have("=", "<>", "<=", ">=", "<", ">")
        if not op:
            return left
        a, b = self.pair(left, self.sum(), op)
        if op not in ("=", "<>") and a.type not in INTS:
            self.refuse(f"{op} of {a.type}")
        return Value(f"({a.text} {({'=': '==', '<>': '!='}).get(op, op)} {b.text})", "BOOL")

    def sum(self):
        return self.chain(lambda: self.chain(self.unary, ("*", "/", "MOD"), self.arithmetic), ("+", "-"),
                          self.arithmetic)

    def arithmetic(self, op, a, b, line):
        if a.type not in INTS:
            self.refuse(f"{op} of {a.type}")
        f = {"+": "add", "-": "sub", "*": "mul", "/": "div", "MOD": "mod"}[op]
        return Value(f"st_{a.type}_{f}({a.text}, {b.text}, {line})", a.type)

    def unary(self):
        if self.have("NOT"):
            v = self.unary()
            if v.type not in BITS:
                self.refuse("NOT of what is no BOOL, WORD or DWORD")
            return Value(f"(!{v.text})" if v.type == "BOOL" else f"(({C_TYPE[v.type]})~{v.text})", v.type)
        return self.primary()

    def primary(self):
        kind, word, _ = self.toks[self.at]
        if self.have("("):
            v = self.expression()
            self.need(")")
            return Value(f"({v.text})", v.type, v.number)
        if word in ("TRUE", "FALSE"):
            self.next()
            return Value(word.lower(), "BOOL")
        if kind in ("num", "hex") or word == "-":
            n = self.number()
            return Value(str(n), None, n)
        if kind == "name" and self.toks[self.at + 1][1] == "(":
            return self.call()
        return self.variable(False)

    def call(self):
        line, name = self.line(), self.name()
        self.need("(")
        if name in CONVERT:
            source, target = name.split("_TO_")
            v = self.settle(self.expression(), source)
            if v.type != source:
                self.refuse(f"{name} of {v.type}")
            self.need(")")
            return Value(f"st_{name}({v.text}, {line})", target)
        if name not in self.functions:
            self.refuse(f"{name} is no function of the subset")
        kind, params = self.functions[name]
        given = []
        for n, (param, ptype) in enumerate(params):
            if n:
                self.need(",")
            if self.name() != param:
                self.refuse(f"{name} takes {', '.join(p for p, _ in params)}, by name and in this order")
            self.need(":=")
            v = self.settle(self.expression(), ptype)
            if v.type != ptype:
                self.refuse(f"{param} of {name} is {ptype}, not {v.type}")
            given.append(v.text)
        self.need(")")
        return Value(f"{name}({', '.join(given)})", kind)

    # ---- statements
    def emit(self, text):
        self.out.append("    " * (self.depth + 1) + text)

    def body(self, *ends):
        """Statements up to one of the words, which is taken."""
        self.depth += 1
        while not (end := self.have(*ends)):
            self.statement()
        self.depth -= 1
        return end

    def statement(self):
        line, kind = self.line(), self.toks[self.at][0]
        if self.block:
            self.emit(f"ST_STEP(self, {line});")
        for word, parse in (("IF", self.if_), ("CASE", self.case), ("FOR", self.for_), ("WHILE", self.while_)):
            if self.have(word):
                parse()
                return self.need(";")
        if self.have("EXIT"):
            if not self.loops or self.loops[-1] == "CASE":
                self.refuse("EXIT stands in a loop, and not in a CASE of it")
            self.emit("break;")
        elif self.have("RETURN"):
            self.emit("return;" if self.block else f"return {self.result};")
        elif kind == "name":
            target = self.variable(True)
            self.need(":=")
            v = self.settle(self.expression(), target.type)
            if v.type != target.type:
                self.refuse(f"{v.type} into {target.type}: types do not mix")
            self.emit(f"{target.text} = {v.text};")
        else:
            self.refuse(f"no statement of the subset: {self.toks[self.at][1]}")
        return self.need(";")

    def condition(self, then):
        v = self.expression()
        if v.type != "BOOL":
            self.refuse("a condition is a BOOL")
        self.need(then)
        return v.text

    def if_(self):
        self.emit(f"if ({self.condition('THEN')}) {{")
        while (end := self.body("ELSIF", "ELSE", "END_IF")) != "END_IF":
            self.emit(f"}} else if ({self.condition('THEN')}) {{" if end == "ELSIF" else "} else {")
        self.emit("}")

    def case(self):
        v = self.expression()
        if v.type not in INTS:
            self.refuse("CASE of a number")
        self.need("OF")
        self.emit(f"switch ({v.text}) {{")
        self.loops.append("CASE")
        end, seen = None, set()
        while end != "END_CASE":
            if self.have("ELSE"):
                self.emit("default:")
                end = self.body("END_CASE")
                self.emit("break;")
                continue
            if self.have("END_CASE"):
                break
            labels = [self.number()]
            while self.have(","):
                labels.append(self.number())
            self.need(":")
            for n in labels:
                self.fits(n, v.type)
                if n in seen:
                    self.refuse(f"{n} stands twice")
                seen.add(n)
                self.emit(f"case {n}:")
            self.depth += 1
            while self.toks[self.at][0] not in ("num", "hex") and self.toks[self.at][1] not in ("ELSE", "END_CASE", "-"):
                self.statement()
            self.emit("break;")
            self.depth -= 1
        self.loops.pop()
        self.emit("}")

    def for_(self):
        line = self.line()
        var = self.toks[self.at][1]
        target = self.variable(True)
        if target.type not in INTS:
            self.refuse("FOR counts a number")
        self.need(":=")
        first = self.settle(self.expression(), target.type)
        self.need("TO")
        last = self.settle(self.expression(), target.type)
        self.need("DO")
        if (first.type, last.type) != (target.type, target.type):
            self.refuse("FOR: types do not mix")
        n = f"n{line}"
        self.emit(f"for (int64_t {n} = {first.text}, to_{n} = {last.text}; {n} <= to_{n}; {n}++) {{")
        self.emit(f"    {target.text} = ({C_TYPE[target.type]}){n};")
        self.loops.append(var)
        self.body("END_FOR")
        self.loops.pop()
        self.emit("}")

    def while_(self):
        self.emit(f"for (uint32_t turns = 0; {self.condition('DO')}; st_turn(&turns, {self.line()})) {{")
        self.loops.append(None)
        self.body("END_WHILE")
        self.loops.pop()
        self.emit("}")

    # ---- units
    def function(self):
        self.vars, self.result = {}, self.name()
        name = self.result
        self.need(":")
        kind = self.type_name()
        self.declarations(("in", "var"))
        params = [(v.name, v.type) for v in self.vars.values() if v.section == "in"]
        args = ", ".join(f"{C_TYPE[t]} {p}" for p, t in params)
        self.out += [f"static inline {C_TYPE[kind]} {name}({args})", "{"]
        for v in self.vars.values():
            if v.size is not None:
                self.refuse("no arrays in a function")
            if v.section == "var":
                self.emit(f"{C_TYPE[v.type]} {v.name} = {v.init or 0};")
                self.emit(f"(void){v.name};")
        self.emit(f"{C_TYPE[kind]} {name} = 0;")
        self.vars[name] = Var(name, kind, "var")
        self.body("END_FUNCTION")
        self.out += [f"    return {name};", "}", ""]
        del self.vars[name]
        self.functions[name] = (kind, params)

    def function_block(self):
        self.vars, self.block = {}, self.name()
        self.declarations(tuple(SECTIONS.values()))
        if missing := self.tune - {v.name for v in self.vars.values() if v.section == "const"}:
            self.refuse(f"no such constant: {', '.join(sorted(missing))}")
        code, self.out = self.out, []
        self.body("END_FUNCTION_BLOCK")
        body, self.out = self.out, []
        self.struct()
        types, self.out = self.out, []
        self.init_functions()
        self.out = types + ["#ifdef ST_CODE", *code, *self.out,
                            f"void {self.block}_call(struct {self.block} *self)", "{", *body, "}", "#endif"]

    def struct(self):
        b = self.block
        for section in ("in", "out", "keep", "var", "tune"):
            self.out.append(f"struct {b}_{section} {{")
            for v in self.vars.values():
                if v.section == section or (section == "tune" and v.name in self.tune):
                    size = "" if v.size is None else f"[{self.length(v)}]"
                    self.emit(f"{C_TYPE[v.type]} {v.name}{size};")
            self.out.append("};")
        self.out.append(f"struct {b} {{")
        for section in ("in", "out", "keep", "var", "tune"):
            self.emit(f"struct {b}_{section} {section};")
        for v in self.vars.values():
            if v.section == "shared":
                self.emit(f"{C_TYPE[v.type]} *{v.name};")
        self.emit("void (*step)(void *ctx, int line); /* before every statement; may not return */")
        self.emit("void *ctx;")
        self.out += ["};", f"void {b}_cold(struct {b} *self); /* all memory new; pointers and tune stay */",
                     f"void {b}_warm(struct {b} *self); /* what is not RETAIN new */",
                     f"void {b}_tune(struct {b} *self); /* constants as the text has them */",
                     f"void {b}_call(struct {b} *self);"]

    def init_functions(self):
        b = self.block
        for name, sections in (("warm", ("in", "out", "var")), ("cold", ("keep",)), ("tune", ("tune",))):
            self.out += [f"void {b}_{name}(struct {b} *self)", "{"]
            for s in sections:
                self.emit(f"memset(&self->{s}, 0, sizeof self->{s});")
            for v in self.vars.values():
                if v.init and (v.section in sections or (name == "tune" and v.name in self.tune)):
                    self.emit(f"self->{'tune' if name == 'tune' else v.section}.{v.name} = {v.init};")
            if name == "cold":
                self.emit(f"{b}_warm(self);")
            self.out += ["}", ""]

    def run(self):
        while self.toks[self.at][0] != "end":
            if self.block:
                self.refuse("one function block, and it stands last")
            if self.have("FUNCTION"):
                self.function()
            elif self.have("FUNCTION_BLOCK"):
                self.function_block()
            else:
                self.refuse(f"FUNCTION or FUNCTION_BLOCK expected, not {self.toks[self.at][1]}")
        return "\n".join(["#pragma once", '#include "tests/st/st_rt.h"', *self.out]) + "\n"


def translate(text, tune=()):
    return Translator(text, tune).run()


if __name__ == "__main__":
    PATH = sys.argv[1]
    try:
        with open(PATH, encoding="utf-8") as source:
            sys.stdout.write(translate(source.read(), sys.argv[3].split(",") if sys.argv[2:3] == ["--tune"] else ()))
    except Refused as e:
        sys.exit(f"{PATH}:{e}")
