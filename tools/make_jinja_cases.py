#!/usr/bin/env python3
"""Writes small templates and what Jinja2 makes of them, one JSON object a line.

    python3 tools/make_jinja_cases.py [SEED] > cases.jsonl

The templates go through every filter, test, operator, method, slice and conversion with values of every
type, through whitespace control in random positions, and through a list of statements. The environment is
that of Hugging Face transformers (trim_blocks, lstrip_blocks, loop controls, its tojson), except that lists
and dicts may be changed. "error": Jinja2 raises. Made with Jinja2 3.1.6 and Python 3.11.
tests/conformance/jinja_test.cc renders the result, tests/data/jinja/cases.tar.xz.
"""
import itertools
import json
import random
import sys
from datetime import datetime

from jinja2.sandbox import SandboxedEnvironment

CONTEXT = {
    "s": "Hello, World",
    "t": "  padded\ttext\n",
    "u": "Grüße ünd Ωmega ΣΑΣ ß 中文 😀",
    "q": "it's \"quoted\" \\ \x01",
    "empty": "",
    "i": 7,
    "n": -3,
    "zero": 0,
    "big": 9007199254740993,
    "f": 2.5,
    "g": -0.125,
    "e": 1e20,
    "yes": True,
    "no": False,
    "nil": None,
    "list": [3, 1, 2],
    "words": ["banana", "Apple", "cherry", "apple"],
    "mixed": [1, "a", None, 2.0, True, [1, 2], {"k": "v"}],
    "nothing": [],
    "d": {"b": 1, "a": [1, 2], "C": {"x": "y"}},
    "people": [{"name": "Ann", "age": 30, "tags": ["x"]}, {"name": "bob", "age": 25}, {"name": "Cid", "age": 30, "tags": []}],
    "numbers": "12 3.5 0x1f -4 1_000 nan 1e3 five".split(),
}
NAMES = list(CONTEXT) + ["missing"]


def environment():
    env = SandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise ValueError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda format: datetime(2026, 1, 31, 13, 5, 9).strftime(format)
    return env


def expressions():
    """Expressions, as they stand between {{ and }}."""
    for name in NAMES:
        yield name
        for filter in ("length", "upper", "lower", "capitalize", "title", "trim", "string", "first", "last", "list",
                       "reverse|list", "sort", "sort(reverse=true)", "unique|list", "join", "join(', ')", "int", "float",
                       "abs", "round", "round(1)", "round(1, 'ceil')", "round(1, 'floor')", "sum", "min", "max", "items|list",
                       "dictsort", "dictsort(true)", "dictsort(by='value')", "tojson", "tojson(indent=2)",
                       "tojson(ensure_ascii=true)", "tojson(separators=(',', ':'))", "tojson(sort_keys=true)", "default('D')",
                       "default('D', true)", "d", "replace('l', 'LL')", "replace('l', 'LL', 1)", "replace('', '-')",
                       "indent", "indent(2, true)", "indent('> ', blank=true)", "center(30)", "wordcount", "batch(2)|list",
                       "batch(2, 0)|list", "slice(2)|list", "slice(2, 0)|list", "map('string')|list", "map('upper')|join",
                       "select|list", "reject|list", "select('string')|list", "reject('number')|list",
                       "select('in', [1, 'a'])|list", "truncate(9)", "truncate(9, true)", "truncate(7, false, '', 0)",
                       "string|urlencode", "format(1)", "int(5)", "int(base=16)", "float(1.5)", "count", "attr('name')",
                       "map(attribute='name')|list", "map(attribute='tags.0', default='-')|list", "selectattr('tags')|list",
                       "selectattr('age', 'gt', 26)|map(attribute='name')|list", "rejectattr('age', 'eq', 30)|list",
                       "groupby('age')|map('list')|list", "groupby('tags', default='?')|map('list')|list", "sort(attribute='name')|map(attribute='name')|list",
                       "sort(attribute='age,name', reverse=true)|map(attribute='name')|list", "sum(attribute='age')",
                       "sum(start=1.5)", "unique(attribute='age')|list", "min(attribute='age')", "max(attribute='name')",
                       "nofilter", "length(1)", "default(default_value=1, boolean=true)"):
            if name == "e" and filter.startswith("int"):
                continue  # beyond 64 bits
            yield f"{name}|{filter}"
        for test in ("defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number", "string",
                     "mapping", "sequence", "iterable", "callable", "upper", "lower", "even", "odd", "divisibleby 2",
                     "divisibleby(0)", "sameas none", "in [1, 7, 'a']", "eq 7", "ne 7", "gt 2", "ge 7", "lt 2", "le 2.5",
                     "equalto('x')", "sameas(yes)", "nosuch", "filter", "not defined", "not none"):
            yield f"{name} is {test}"
        for index in ("[0]", "[-1]", "[10]", "['a']", "['name']", ".a", ".name", ".0", "[1:]", "[:-1]", "[::-1]", "[-2:]", "[1:10:2]",
                      "[10:1:-3]", "[::0]", "['items']", "[none]", "[1.0]", "[true]"):
            yield f"{name}{index}"
        for unary in ("-{}", "+{}", "not {}", "{} and 1", "{} or 1", "1 if {}", "{}|e|length", "'%s' % {}", "'%r' % ({},)",
                      "'{{}}'.format({})", "'%5s|%-5s' % ({0}, {0})", "{0} ~ {0}", "[{0}, ({0},), {{'k': {0}}}]", "'%d' % {}",
                      "'%.2f' % {}", "'{{:>8}}|{{:<8}}|{{:^9}}'.format({0}, {0}, {0})", "'{{:,.2f}}'.format({})",
                      "'{{:05d}}'.format({})", "'{{:x}}'.format({})", "'{{0[0]}}'.format({})", "'{{!r}}'.format({})"):
            if name == "e" and "%d" in unary:
                continue
            yield unary.format(name)
    for left, right in itertools.product(NAMES, NAMES):
        for operator in ("+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in"):
            if operator == "**" and right in ("big", "e"):
                continue  # beyond 64 bits
            if operator in ("*", "/", "**") and "big" in (left, right):
                continue  # integers have 64 bits, and divide as doubles
            if operator == "**" and left in ("n", "g") and right in ("f", "g"):
                continue  # complex numbers
            yield f"{left} {operator} {right}"
    for text in ("s", "t", "u", "q", "empty", "'a,b,,c'", "'aXbXc'", "'-12'", "'ab\\ncd\\r\\nef'", "'ΑΣ ΟΔΟΣ'", "'ǆ ﬁ ŉ'", "'1²Ⅷ٣'"):
        for call in ("upper()", "lower()", "title()", "capitalize()", "swapcase()", "strip()", "lstrip()", "rstrip()",
                     "strip('Hd')", "lstrip('ab')", "rstrip('c,')", "split()", "split(',')", "split(',', 1)", "split(none, 1)",
                     "split(maxsplit=1)", "split('')", "rsplit()", "rsplit(',', 1)", "rsplit(none, 1)", "rsplit('X')", "splitlines()",
                     "splitlines(true)", "replace('a', 'bb')", "replace('', '.', 3)", "replace('X', '')", "startswith('a')",
                     "startswith(('a', 'H'))", "endswith('c')", "startswith('e', 1)", "endswith('o', 0, 5)", "find('b')", "find('zz')",
                     "rfind('b')", "index('l')", "rindex('l')", "find('', 3)", "count('l')", "count('')", "isdigit()", "isalpha()",
                     "isalnum()", "isspace()", "isupper()", "islower()", "isdecimal()", "isascii()", "center(20, '*')", "ljust(15)",
                     "rjust(15, '.')", "zfill(8)", "removeprefix('a')", "removesuffix('c')", "partition(',')", "rpartition('X')",
                     "join(['x', 'y'])", "join('abc')", "join([1])", "format()", "nomethod()", "upper(1)"):
            yield f"{text}.{call}"
    for value in ("list", "words", "nothing", "mixed", "(1, 2, 1)", "range(5)", "d", "people[0]"):
        for call in ("append(9)", "pop()", "pop(0)", "pop('a')", "pop('z', 5)", "index(1)", "count(1)", "insert(1, 'x')", "extend([7, 8])",
                     "remove(1)", "reverse()", "sort()", "copy()", "clear()", "get('a')", "get('z')", "get('z', 1)", "keys()|list",
                     "values()|list", "items()|list", "update({'a': 1}, z=2)", "setdefault('q', 4)", "items()", "keys()"):
            yield f"{value}.{call} ~ '|' ~ ({value}|list)" if not value.startswith("(") else f"{value}.{call}"
    for format in ("%d", "%5d", "%-5d|", "%05d", "%+d", "% d", "%x", "%X", "%#x", "%o", "%f", "%.0f", "%8.3f", "%-8.2f|", "%e", "%.3E", "%g",
                   "%.3g", "%s", "%10s", "%-10s|", "%.2s", "%r", "%c", "%%", "%", "%z", "%(a)s", "%*d"):
        for value in ("i", "n", "f", "g", "e", "s", "nil", "yes", "(i, f)", "d", "big"):
            if value == "e" and "d" in format:
                continue  # beyond 64 bits
            yield f"'{format}' % {value}"
    for spec in ("", "d", "5", "<5", ">5", "^5", "*^7", "05", "+", " ", "x", "X", "#x", "b", "#b", "o", ",", "_", ",d", ".2f", "8.3f", "<8.1f",
                 "+.1e", "g", ".3g", "%", ".1%", "s", ".3", ".3s", "10.3s", "=+8", "n", "c?", "010,", "G", "E"):
        for value in ("i", "n", "f", "g", "e", "s", "yes", "u", "big", "nil", "1234567", "1234567.891", "0.1", "100.0"):
            yield f"'{{:{spec}}}'.format({value})"
    for text in ("'{} {}'.format(1, 2)", "'{1} {0}'.format(1, 2)", "'{a} {b}'.format(a=1, b='x')", "'{0[name]}'.format(people[0])",
                 "'{{}} {}'.format(1)", "'{:{}}'.format('x', 5)", "'{'.format(1)", "'}'.format(1)", "'{5}'.format(1)", "'{!s:>4}'.format(1)",
                  "'{:{w}.{p}f}'.format(3.14159, w=8, p=2)"):
        yield text
    for number in ("0.1", "1e16", "1e15", "123456789012345678.0", "1e-4", "1e-5", "1.5e300", "5e-324", "1/3", "2/3*100", "1e22", "100.0", "-0.0",
                   "0.1+0.2", "1e100", "123456.789e3", "7//2", "-7//2", "7//-2", "-7%3", "7%-3", "7.5//2", "-7.5//2", "-7.5%2", "2**10", "2**-1",
                   "2**0.5", "2**3**2", "-2**2", "10/5", "1_000", "0x1F", "0b101", "0o17", "1e3", "1.5e+3", "9223372036854775807", "5 is odd", "not 1 == 2",
                   "1 < 2 < 3", "1 < 3 < 2", "1 == 1.0", "true == 1", "'a' 'b' \"c\"", "'\\x41\\u00e9\\n\\t\\\\\\'\\101\\q'", "(1,)", "()", "(1)", "1, 2", "[1,]",
                   "{1: 'a', 1.0: 'b', true: 'c'}", "{'a': 1,}", "[1, 2] + [3]", "(1,) + (2,)", "[0] * 3", "'ab' * 2", "2 * 'ab'", "[1] == (1,)", "[1, 2] < [1, 3]",
                   "'a' < 'b'", "'a' in 'abc'", "'' in 'abc'", "1 in [1, 2]", "'b' in d", "d == d", "range(3)|list", "range(5, 0, -2)|list", "range(0)|list",
                   "range(1, 2, 0)", "range(1000000)", "dict(a=1, b=2)", "dict([['a', 1]])", "dict({'x': 1}, y=2)", "namespace(a=1).a", "strftime_now('%Y-%m-%d %H:%M:%S')",
                   "strftime_now('%d %b %Y, %A %B %j %U %W %w %y %I %p %e %-d %-m %%')", "raise_exception('no')", "foo.bar", "foo['bar']", "foo()", "s()", "foo.bar.baz is defined",
                   "d.x.y", "d.x is defined", "1 if true else 2", "1 if false", "'x' if missing else 'y'", "missing|length", "missing|list", "missing ~ 'x'",
                   "missing == missing2", "missing + 1", "missing in [1]", "1 in missing", "none in [none]", "nil.foo is defined", "nil.foo", "i.foo", "list.foo", "loop", "loop.index",
                   "joiner", "caller()", "words|map('length')|list", "words|map('replace', 'a', 'A')|list", "words|sort|first", "words|sort(case_sensitive=true)|list",
                   "list|map('multiply')|list", "list|select('gt', 1)|sum", "people|map(attribute='age')|sum", "'12'|int + 1", "numbers|map('int')|list",
                   "numbers|map('float')|list", "numbers|map('int', 9, 16)|list", "'a-b c(d)[e]{f}<g'|title", "\"x'y\"|title", "2.5|round", "3.5|round", "2.675|round(2)",
                   "1234.5|round(-2)", "25|round(-1)", "2.1|round(0, 'ceil')", "i|round(2)", "*list", "f(1, **d)", "s|replace(1, 2)", "12|replace(1, 3)", "s | upper | lower",
                   "-i|abs", "(-i)|abs", "- 1 ** 2", "i is divisibleby(7) and s is string", "i is not none", "i is not defined or true", "not i is none",
                   "i in list or 1", "s.upper().lower()[1:3].title()", "d.C.x", "d['C']['x']", "d.items()|list", "d.keys()|list", "d|list", "d|length", "d|first",
                   "d|join('-')", "people[0]['name'][0]", "people|first|items|list", "list[0:2][::-1]", "s[s.find('W'):]", "u[2:5]", "u|length", "u|reverse", "u[-1]",
                   "q|tojson", "u|tojson(ensure_ascii=true)", "mixed|tojson", "{1: 2, none: 3, true: 4, 1.5: 5}|tojson", "(1, 2)|tojson", "[]|tojson(indent=2)", "{}|tojson(indent=2)",
                   "{'a': [1, {'b': []}]}|tojson(indent=1)", "{'a': 1, 'b': [1, 2]}|tojson(indent='--')", "1e400|tojson", "missing|tojson", "'\\x7f\\u2028/'|tojson", "'😀'|tojson(ensure_ascii=true)"):
        yield number


STATEMENTS = """
{% for x in list %}{{ loop.index }}/{{ loop.index0 }}/{{ loop.revindex }}/{{ loop.revindex0 }}/{{ loop.first }}/{{ loop.last }}/{{ loop.length }}/{{ loop.depth }}/{{ loop.depth0 }};{% endfor %}
{% for x in list %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}
{% for x in words if 'a' in x %}{{ loop.index }}{{ x }}{% if not loop.last %}, {% endif %}{% else %}none{% endfor %}
{% for x in nothing %}{{ x }}{% else %}empty{% endfor %}
{% for x in missing %}{{ x }}{% else %}empty{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for k, v in d|dictsort %}{{ k }}={{ v }};{% endfor %}
{% for k in d %}{{ k }}{% endfor %}
{% for c in u %}[{{ c }}]{% endfor %}
{% for x in 5 %}{% endfor %}
{% for a, b in [[1, 2], (3, 4)] %}{{ a + b }} {% endfor %}
{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}
{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% for x in list %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }}{% endfor %}
{% for x in [[1, [2, 3]], 4] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}
{% set x = 1 %}{% for y in list %}{% set x = y %}{% endfor %}{{ x }}
{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}
{% set ns = namespace(x=0, l=[]) %}{% for y in list %}{% set ns.x = ns.x + y %}{% endfor %}{{ ns.x }}{{ ns.missing is defined }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}
{% set a = b = 1 %}
{% set x.y = 1 %}
{% set x %}  a {{ i }}
 b{% endset %}[{{ x }}]
{% set x | upper | trim %}  abc {% endset %}[{{ x }}]
{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, c=3) }}|{{ m(1, 5, 6) }}|{{ m(b=1, a=2) }}
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, k=4) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(x=2) }}
{% macro m(a) %}[{{ a is defined }}{{ a }}]{% endmacro %}{{ m() }}
{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(5) }}
{% macro m() %}{{ later }}{% endmacro %}{% set later = 5 %}{{ m() }}
{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}body{{ i }}{% endcall %}
{% macro m() %}{% for x in list %}{{ caller(x) }},{% endfor %}{% endmacro %}{% call(y) m() %}{{ y * 2 }}{% endcall %}
{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}
{% macro m(x) %}{% set x = x ~ '!' %}{{ x }}{% endmacro %}{{ m('a') }}{{ x }}
{% filter upper %}abc {{ s }}{% endfilter %}
{% filter replace('a', 'b') | upper %}abc{% endfilter %}
{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}
{% with %}{% set z = 3 %}{{ z }}{% endwith %}{{ z }}
{% raw %}{{ not }} {% this %}{% endraw %}
a {%- raw -%} x {%- endraw -%} b
{# comment #}x{# another {{ #}y
a {#- c -#} b
{% if i > 5 %}a{% elif i > 3 %}b{% else %}c{% endif %}
{% if i > 50 %}a{% elif i > 3 %}b{% else %}c{% endif %}
{% if i > 50 %}a{% elif i > 30 %}b{% else %}c{% endif %}
{% if list %}t{% endif %}{% if nothing %}t{% else %}f{% endif %}{% if missing %}t{% else %}f{% endif %}{% if '' or 0 or none %}t{% else %}f{% endif %}
{{ x }}{% set x = 3 %}{{ x }}
{% set r = cycler('a', 'b', 'c') %}{{ r.next() }}{{ r.next() }}{{ r.current }}{{ r.next() }}{{ r.next() }}{% set _ = r.reset() %}{{ r.next() }}
{% set j = joiner('; ') %}{% for x in list %}{{ j() }}{{ x }}{% endfor %}
{% set l = [] %}{% for x in list %}{% set _ = l.append(x * 2) %}{% endfor %}{{ l }}
{% set l = [1] %}{% set k = l %}{% set _ = k.append(2) %}{{ l }}{{ l is sameas k }}
{% set x = {'a': 1} %}{% set _ = x.update({'b': 2}) %}{{ x }}{{ x.pop('a') }}{{ x }}
{% for x in list %}{% for y in list %}{{ loop.index }}{% if y == 1 %}{% break %}{% endif %}{% endfor %};{% endfor %}
{% for x in list %}{% set outer = loop %}{% for y in 'ab' %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}
{% set ns = namespace(stop=false) %}{% for x in range(9) if not ns.stop %}{{ x }}{% if x == 3 %}{% set ns.stop = true %}{% endif %}{% endfor %}
{{ 'a' if i == 7 else 'b' if i == 8 else 'c' }}
{{ {'a': {'b': [1, {'c': 2}]}}.a.b[1].c }}
{{ "}}" }}{{ '{%' }}
{{ [1, 2, 3][1:] | first }}
{{ (1, 2) | join('+') ~ 3 }}
{% set f = 'x' %}{{ f ~ 1 ~ 2.0 ~ none ~ true ~ [1] }}
{% for x in [1, 2, 3] | reverse %}{{ x }}{% endfor %}
{% for x in words | map('upper') %}{{ x }}{{ loop.length }}{% endfor %}
{% for m in people if m.tags is defined %}{{ m.name }}{{ loop.last }}{% endfor %}
{% if x is defined and x.y.z %}a{% else %}b{% endif %}
{% if
  i == 7
  and s %}multi{% endif %}
{{ i
}}
{% for x in list %}
  {{ x }}
{% endfor %}
done
{%+ if true %}  a{% endif %}
    {%- if true %}   b   {%- endif %}
  c   {% if true +%}
d
{% endif %}
{%- for x in list -%}
  {{- x -}}
{%- endfor -%}
{% unknown %}
{% if true %}
{% endfor %}
{{ 1 + }}
{{ (1 }}
{{ [1, 2 }}
{{ 'abc }}
{{ 1 2 }}
{% for x in %}{% endfor %}
{% set 1 = 2 %}
{% break %}
{{ x | }}
{{ a.b. }}
{% macro %}{% endmacro %}
{% macro m(a=1, b) %}{% endmacro %}
{{ m(a=1, 2) }}
{% if true %}x{% endif %}{% endif %}
{{ }}
{% call s %}{% endcall %}
{{ i is odd is even }}
{% extends 'x' %}
{% include 'x' %}
{# open
"""


def whitespace(random_source):
    """Blocks, comments and expressions with signs in random whitespace."""
    blank = lambda: "".join(random_source.choice(["", " ", "  ", "\n", "\t", "\n\n", "\r\n", "x", "y z"]) for _ in range(random_source.randint(0, 4)))
    sign = lambda: random_source.choice(["", "", "-", "+"])
    end = lambda: random_source.choice(["", "", "-", "+"])
    minus = lambda: random_source.choice(["", "", "-"])
    parts = [blank()]
    depth = []
    for _ in range(random_source.randint(1, 6)):
        kind = random_source.randrange(6)
        if kind == 0:
            parts.append("{%" + sign() + " if true " + end() + "%}")
            depth.append("endif")
        elif kind == 1:
            parts.append("{%" + sign() + " for x in [1, 2] " + end() + "%}")
            depth.append("endfor")
        elif kind == 2:
            parts.append("{#" + sign() + " note " + end() + "#}")
        elif kind == 3:
            parts.append("{{" + minus() + " i " + minus() + "}}")
        elif kind == 4:
            parts.append("{%" + sign() + " raw " + minus() + "%}" + blank() + "{{ i }}" + blank() + "{%" + sign() + " endraw " + end() + "%}")
        else:
            parts.append("{%" + sign() + " set x = 1 " + end() + "%}")
        parts.append(blank())
        while depth and random_source.random() < 0.4:
            parts.append("{%" + sign() + " " + depth.pop() + " " + end() + "%}" + blank())
    while depth:
        parts.append("{%" + sign() + " " + depth.pop() + " " + end() + "%}" + blank())
    return "".join(parts)


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    random_source = random.Random(seed)
    env = environment()
    templates = ["{{ " + expression + " }}" for expression in expressions()]
    templates += STATEMENTS.strip("\n").split("\n")
    templates += STATEMENTS.strip("\n").split("\n\n")
    templates += ["{% for x in list %}\n  {{ x }}\n{% endfor %}\ndone\n", "{%- for x in list -%}\n  {{- x -}}\n{%- endfor -%}\n", "a\n\n", "a\r\nb\rc\n",
                  "  {% if true %}\n  a\n  {% endif %}\n", "x {{ i }}\n{{ i }}\n", "{% if\n  i == 7\n  and s %}multi{% endif %}", "{{ i\n}}"]
    templates += [whitespace(random_source) for _ in range(400)]
    print(json.dumps({"context": CONTEXT}))
    for template in templates:
        case = {"template": template}
        try:
            # A new context for each: templates may change it.
            case["text"] = env.from_string(template).render(json.loads(json.dumps(CONTEXT)))
            case["text"].encode()
        except Exception as error:  # noqa: BLE001: whatever Python says, it is an error
            case = {"template": template, "error": f"{type(error).__name__}: {error}".split("\n")[0][:100]}
        text = case.get("text", "")
        # Texts that name Python's own objects.
        if any(mark in text for mark in ("<generator", "object at", "<built-in", "<function", "<Macro", "<class", "<LoopContext", "<bound", "range(", "<jinja2")):
            continue
        print(json.dumps(case, ensure_ascii=False))


if __name__ == "__main__":
    main()
