"""Python texts, right and wrong, each a line or a few; what CPython's parser says about them decides."""

# texts are easier to read in one line

LINES = r'''
f() = 1
a + b = c
1 = 2
a, b = c
a, b += c
(a) += 1
(a, b) += 1
[a] += 1
a.b[c] += yield x
x: int = 3
(x): int
(x, y): int
x.y: int = *a, b
f(): int
[a, *b] = c
*a, b = c
*a = b
*a
del a, b
del *a
del (a, b), [c]
del f()
del (*a,)
del a.b, c[d]
del ()
del (a)
del ((a, b))
del (a, b).c
for a, b in c: pass
for *a, b in c: pass
for f() in c: pass
for f().x in c: pass
for x in *a, b: pass
for a in b in c: pass
(a in b)
with a as b: pass
with a as b, c as d: pass
with (a as b, c as d): pass
with (a as b, c): pass
with (a, b): pass
with (a, b) as c: pass
with a as f(): pass
with (a as b), c: pass
with (yield) as b: pass
f(a=1, b)
f(a, *b, c=1, *d, **e)
f(**a, *b)
f(**a, b=1)
f(a=1, *b, **c,)
f(x for x in y)
f(x for x in y, 1)
f(1, x for x in y)
f((x for x in y), 1)
f(x for x in y,)
f(a:=1)
f(a.b=1)
f(*a, b)
f(,)
class A(x for x in y): pass
class A(B, metaclass=C,): pass
def f(a, b=1, c): pass
def f(a, b=1, *, c, d=2, **e): pass
def f(*): pass
def f(*, **k): pass
def f(a, /, b, *c: int, d) -> x: pass
def f(/): pass
def f(a, /, /): pass
def f(*a, *b): pass
def f(**k, a): pass
def f(a=1, /, b): pass
def f(a=1, /, b=2,): pass
def f(*a: *b): pass
def f(a: *b): pass
def f((a)): pass
lambda: x
lambda a, b=1, *c, d, **e: x
lambda a: int: x
lambda *a, : x
lambda (a): x
a if b else lambda: c
a or lambda: c
not lambda: c
a == not b
not a == b
a + not b
a not in b
a notin b
a is not b
a isnot b
- - +~a ** -b
await a
await -a
-await a ** b
await await a
a := 1
(a := 1)
[a := 1, b]
{a := 1}
a[b := 1]
a[b:c, ::d]
a[*b]
a[*b, c]
a[]
a[b:=c:d]
print(a := 1 for x in y)
x = yield
x = yield a, *b
x = (yield)
x += yield from y
yield
return *a, b
return a := 1
raise a from b
raise a, b
assert a, b
assert (a, b)
import a.b as c, d
import a.b as c.d
from a import b, c
from a import b,
from a import (b, c,)
from a import *
from a import (*)
from . import a
from ...a import b
from .... import b
from .a.b import c as d
import .a
global a, b
global a.b
if a := b: pass
while a := b: pass
while a: pass
{a: b for a in b}
{**a, b: c}
{**a for a in b}
{*a, b}
{*a for a in b}
[*a for a in b]
[a for a in b if c if d for e in f]
[a for a in b if c else d]
[a async for a in b]
[a for a in lambda: b]
[a for a in *b]
[(a, b) for a, b in c]
[a, b for a in c]
{a, b: c}
{a: b, c}
(a, b) = [c, d] = e
(*a, b) = c
(*a) = b
(*a)
(*a,)
((*a, b)) = c
(a.b, c[0]) = d
((a, b), c) = d
a = b = c, d = e
a = b() = c
"a" "b" f"c" u"d"
b"a" "b"
b"a" b'b'
"\x4"
"\x41\u1234\N"
b"\x4"
b"é"
"é"
r"\x"
rb"\x" br'y'
f"{a}" rf"\d"
"a
"""a"b"""
"""a""b"""
"""a"""b"""
"" ""
""""""
"""a\""""
"""a\"""
0777
00
0_0
1_000
1__0
1_
0xff_ff
0x
0o17
0o8
0b12
1.5e-3j
1.e5
.5
1e
1.real
1..real
1 .real
1if a else b
0or 1
1or 2
1_if a else b
0b1if a else b
0xfor x in y
1jif a else b
a.1
a . b
...
. . .
a -> b
a <> b
a != b
!a
a!b
$a
?
a b
a; b;
;
a;; b
if a: b; c
if a: if b: c
if a: b else: c
else: a
try: a
pass pass
@a
@a.b(c)
class: pass
None = 1
True.x = 1
x.None = 1
f(None=1)
def None(): pass
import None
async def f(): pass
async with a: pass
async for a in b: pass
async a
async
await
match
match = 1
match(x)
match[x] = 1
match.x
match * a, b
match in x
case = match
_ = case
print(match, case, _)
match, case = 1, 2
match: int = 3
def match(case, _=1): pass
nonlocal x
print >>f, x
exec "a"
print "a"
`a`
0xfg
0o17
0o18
with 1as x: pass
with 1 as x: pass
'''.strip().split("\n")

TEXTS = [
    '"""a\nb"""\n',
    "'''a\"\"\"'''\n",
    "a\\\nb = \\\n",
    "x = \\\n \n",
    "if a:\n  b\nelse:\n  c\n",
    "if a:\n  b\n c\n",
    "if a:\n  b\n   c\n",
    "if a:\nb\n",
    "a\n b\n",
    "if a:\n  b\n\n  # x\n# y\n  c\n",
    "if a:\n        b\n\tc\n",
    "if a:\n  b\n  if c:\n    d\n  e\n",
    "if a:\n    if b:\n        c\n  d\n",
    "try:\n  a\nexcept b as c:\n  d\nexcept:\n  e\nelse:\n  f\nfinally:\n  g\n",
    "try:\n  a\nexcept* b:\n  c\n",
    "try:\n  a\nexcept* b:\n  c\nexcept d:\n  e\n",
    "try:\n  a\nelse:\n  b\n",
    "try:\n  a\nexcept*:\n  b\n",
    "try:\n  a\nfinally:\n  b\n",
    "@a\n@b.c\nclass D: pass\n",
    "@a\nasync def f(): pass\n",
    "@a\nx = 1\n",
    "@a := b\ndef f(): pass\n",
    "match x:\n  case 1: pass\n",
    "match x:\n  case -1 | 2.5 | 'a' 'b' | None: pass\n  case 1 + 2j: pass\n  case _: pass\n",
    "match x:\n  case 1 + 2: pass\n",
    "match x:\n  case a.b.c | [d, *e] | (f, g) | {'h': i, **j} | K(l, m=n): pass\n",
    "match x, y:\n  case a, b: pass\n",
    "match x, *y:\n  case a, *_: pass\n",
    "match x:\n  case K(a=b, c): pass\n",
    "match x:\n  case {**a, 'b': c}: pass\n",
    "match x:\n  case a as _: pass\n",
    "match x:\n  case (a) as b if c: pass\n",
    "match x:\n  case a | b as c, : pass\n",
    "match x:\n  case *a: pass\n",
    "match x:\n  case *a,: pass\n",
    "match x:\n  case (): pass\n  case []: pass\n  case {}: pass\n  case K(): pass\n",
    "match x:\n  case a + b: pass\n",
    "match x:\n  case f(): pass\n",
    "match x:\n  case f().a: pass\n",
    "match x:\n pass\n",
    "match x:\n",
    "match:\n  case a: pass\n",
    "match x := y:\n  case a: pass\n",
    "match await x:\n  case a: pass\n",
    "match {}:\n  case a: pass\n",
    "match x.y(z)[0]:\n  case a: pass\n",
    "match 'a':\n  case a: pass\n",
    "match x: case 1: pass\n",
    "match x:\n  case match: pass\n  case case: pass\n",
    "match match:\n  case _: _\n",
    "match x:\n  case -a: pass\n",
    "match x:\n  case - 1: pass\n",
    "match x:\n  case +1: pass\n",
    "match x:\n  case {1+2j: a, -1: b, a.b: c}: pass\n",
    "match x:\n  case {a: b}: pass\n",
    "match x if y else z:\n  case 1: pass\n",
    "match lambda: x:\n  case 1: pass\n",
    "x = (\n1,\n\n2)\n",
    "x = [\n  1 # a\n]\n",
    "def f():\n  '''d\n e'''\n  return 1\n",
    "class A:\n\n  x = 1\n\n  def f(self): pass\n\n\ny = 2\n",
    "a = 1 # x\n# y\n\n\n",
    "\n\n# a\nb\n",
    "#\n",
    "",
    "\n",
    "if a:\n  b\n\x0c\nc\n",
    "x = 1\\\n + 2\n",
    "if a: pass\nelif b: pass\nelse: pass\n",
    "for a in b: pass\nelse: pass\n",
    "if a:\n  b\n  \\\n  c\n",
    "x\\\n",
    "def f(a,\n  b): pass\n",
    "if a:\n  # c\n  b\n",
    "if a:\n# c\n  b\n",
    "if a: # c\n  b\n",
    "if a:\n  b # c\nelse: # d\n  e\n",
    "while a:\n  if b:\n    c\n  else:\n    d\nelse:\n  e\n",
    "a\r\nb\r\n",
    "if a:\r\n  b\r\n",
    "'''a\r\nb'''\n",
    '"\\N{DIGIT ONE}"\n',
    '"\\N{LATIN SMALL LETTER Y WITH CIRCUMFLEX}\\N{NARROW NO-BREAK SPACE}"\n',
    '"\\N{DIGIT}"\n',
]

# The same without a last line break, and with tabs.
TEXTS += [text.removesuffix("\n") for text in TEXTS if not text.endswith(("\r\n", "\\\n\n"))]
TEXTS += [text.replace("  ", "\t") for text in TEXTS if "\\\n" not in text]
TEXTS += [
    "\x0c\nclass A: pass\n",
    "x = 1\t# a\n\t# b\n",
    "x\t= 1\x0c+ 2\n",
    "if a:\n\tb\n    c\n",
    "if a:\n    b\n\tc\n",
    "if a:\n        b\n\tc\n",
    "if a:\n    if b:\n\tc\n",
    "if a:\n\tif b:\n\t    c\n\td\n",
    "if a:\n\tb\n\t\\\n\tc\n",
    "if a:\n\x0c  b\n\x0c  c",
    "if a:\n\x0cb\n",
    "(\n \ta,\n\t b)",
    "if a:\n  b\n# c",
    "if a:\n  b\n  # c",
    "x = 1 # a\\\n",
    "x;\\\n",
    "x\\\n",
    "x \\\n ",
    "with (a, b as c): pass\n",
    "with (a, b, c[0] as d, e as f,): pass\n",
    "with (a.b, f(), c + d as e): pass\n",
    "with (a, f()): pass\n",
    "with (a, *b): pass\n",
    "with (a, *b as c): pass\n",
    "with (a := 1): pass\n",
    "with (a := 1, b): pass\n",
    "with (a := 1, b as c): pass\n",
    "with (a as b, c := d): pass\n",
    "with (a, b as c), d: pass\n",
    "with (a, b), c as d: pass\n",
    "with (a, f()) as c, d: pass\n",
    "with (f(), a)[0] as c, d: pass\n",
    "with (a if b else c, d as e): pass\n",
    "try:\n  a\nexcept b",
    "try:\n  a\nexcept b:",
    "try:\n  a",
    "try: a\nfinally: b",
    "try: a\nexcept: b\nelse:\n  c\nfinally:\n  d",
    "@a\ndef f():\n  def g():\n    return",
    "async def f():\n  async with a:\n    async for b in c:\n      d",
    "@a\nasync def f(): pass",
    "if a: b\nelif c: d\nelse: e",
    "for a in b: c\nelse: d",
]

# What the grammar leaves out of the language.
LEFT_OUT = [
    "a\rb\n",
    "if a:\n \tb\n",
    "if a:\n \x0c b\n",
    "if a:\n\tif b:\n            c\n",
    "a + \\\nb\n",
    "a\n\\\nb\n",
    "if a:\n  b\n    # c",
    "a\n  ",
    "match (x):\n  case 1: pass\n",
    "match not x:\n  case 1: pass\n",
    '"\\N{HEAVY CHECK MARK}"\n',
    "Ḁ̀ = 1\n",
]
