"""Java texts, right and wrong: the bodies of a method, members of a class, and whole files; javac decides."""

STATEMENTS = r'''
int a = 1, b[] = {1, 2,}, c;
final var x = new int[3][];
List<Map<String, List<int[]>>> x = new ArrayList<>();
Outer<A>.Inner<? super B> x;
@A(1) int x;
record.add(1);
int record = 1, when = 2, permits = 3;
record P(int x, @A String... y) {}
final class C {}
enum E { A, B(1) { int x; }, ; void f() {} }
interface I { int X = 1; void f(); default void g() {} }
if (a) b(); else if (c) d(); else { }
for (int i = 0, j = 1; i < n; i++, --j) ;
for (;;) break;
for (final String s : list) continue;
for (a = 1, b(); ; ) { }
while (a) do b++; while (c);
label: while (true) { break label; }
switch (x) { case 1: case 2 + A: y(); default: }
switch (x) { case A, B -> y(); case "s" -> { } default -> throw z; }
switch (x) { case String s when s.length() > 3 && !t -> y(); case null, default -> z(); }
switch (x) { case P(int a, var b) -> y(); case Q<T> q -> z(); case R(P(_, int c), _) -> { } }
int x = switch (y) { case A: yield 1; default: yield 2; };
f(switch (y) { case 1 -> 2; default -> throw z; });
yield 1;
try { } catch (A | b.B e) { } finally { }
try (var x = y(); z; this.w) { }
synchronized (this) { }
assert a : "b";
throw new E() { int x; };
return;
return (a) + b;
x = (a) + b;
x = (A) b;
x = (A[]) b;
x = (int) -b;
x = (List<A>) b;
x = (List<A> & B) c;
x = (a < b) ? c : d;
x = (a < b >> c);
x = (A<B<C>>) d;
x = a < b == c > d;
x = (a < b && c > d);
x = (a & b);
x = a -> b;
x = (a) -> b;
x = (a, b) -> { };
x = () -> -1;
x = (int a, final B... b) -> a;
x = (A<B> a) -> a;
x = (a.B a) -> a;
x = (var a) -> a;
x = (_, _) -> 1;
x = (R) () -> { };
x = a ? b : c -> d;
x = A::b;
x = a.b::new;
x = int[]::new;
x = super::f;
x = this.<A>f(b).c[d]++;
a.<B, C.D<?>[], @E F<G<?>>>h();
x = A::<B>c;
a.<?>b();
a.<B, ? extends C>b();
x = A::<?>b;
x = new A<>(b).new C();
a.new B<C<?>>() { };
a.new B.C();
a.new B<?>();
x = new int[] {1}.length;
x = A.this.b;
x = A.super.f();
x = int[].class;
x = void.class;
x = a instanceof B b && b.c;
x = a instanceof final B b;
x = a instanceof P(int b, _);
x = 'a' + '\'' + '\u0041' + "\t\"\101\u00e9";
x = """
  a "b" ""\" \
  """;
x = 0x7fff_ffff + 0b1 + 017 + 1_000L + 1e-3f + .5 + 0x1p3 + 2147483647 - 2147483648;
x = -9223372036854775808L + 9223372036854775807L;
x >>>= y = z;
++x; x--;
this.x = super.y;
a[0] = b;
((A) b).c();
a.b.C<D> e;
/* a ** / */ ; // b
/* \u0041 \\u \* */ ;
var _ = f();
a + b;
a;
"a";
(a)++;
a = ;
int int = 1;
int a = 1 b;
if a b();
if (a) int b;
else b();
for (int i) ;
x = (a b);
x = (a.b, c) -> d;
x = a <> b;
x = 08;
x = 2147483648;
x = 0x1_0000_0000;
x = 9223372036854775808L;
x = 'ab';
x = '';
x = "a
b";
x = "\q";
x = "\u00g0";
x = """a""";
/* \u00g0 */ ;
/* a
static class X {}
switch (x) { case A -> y; }
try { }
catch (A e) { }
int goto = 1;
enum = 1;
x = new int[];
x = new int[1] {1};
x = this;
const int x;
_ = 1;
foo bar baz;
x = A.;
x = a ? b;
List<int> > x
'''.strip("\n")

MEMBERS = r"""
public static final int A = 1, B[] = {};
final static private transient volatile int x;
@A public @B(c = 1, d = {2, @E}) abstract void f();
<T extends A & B<T>> T f(T a, int b[], final String... c) throws D, e.E { return a; }
public <T> X(int a) { this(a, 1); }
X() { super(); }
X() { <A>this(); }
X() { <?>this(); }
enum A { B; A() { c(); } int d; }
enum A { B; private C(int d) { this(); } }
enum A { B; C(int d) { if (e) f(); int g = 1; } @H I() { } J() { class K { L() { } } } }
enum A { B; C(int d) { if e; } }
static { } { }
;
class A<T extends Comparable<? super T>> extends b.C<T> implements D, E<F<G>> { }
sealed interface A permits B, C { }
non-sealed class A extends B { }
@interface A { int b() default 1; String[] c() default {}; }
record A<T>(T b) implements C { static int d; A { } void e() { } }
int f()[] { return null; }
@interface A { int b()[]; int c()[] default {}; }
void f()[] { }
void f() throws A<B> { }
void f() throws @A B, @C d.E { }
class record { }
record x;
sealed interface A permits B<C> { }
sealed interface A permits @B C { }
interface permits { }
enum var { }
record when() { when { } }
class A<record> { }
void yield() { }
native void f(int a);
public public int x;
private static private int x;
int x
void x;
void f() int
void f(int... a, int b) { }
void f(a) { }
record A(int b) { int c; }
record A(int b) { { } }
interface A { int b; }
class A extends B, C { }
class { }
int static x;
record A(int b[]) { }
class A permits B { }
@interface A { int b() default; }
""".strip("\n")

FILES = [
    "",
    "import a; class B { }",
    "import static a.b; import c.*; class D { };",
    "package a.b;\nimport c.D;\nimport static e.F.*;\n\n/** G. */\n@H\npublic final class I { }\nenum J { }\n",
    "class A {",
    "package a",
    "import a.*.b;",
    "import a.b; package c;",
    "class A { } }",
]

# What the grammar leaves out of the language.
LEFT_OUT = [
    "module a { }",
    "void main() { }",
    "class É { }",
    "class A { boolean sealed; }",
    "class A { abstract native void f(); }",
    "class A { boolean b = c < d > e; }",
    "class A { X b = List<String>::new; }",
    "class A { X b = (A & B) c; }",
    "class A { void f(A this) { } }",
    "class A { void f() { (a) = 1; } }",
    "class A { int b = 2_000_000_000; }",
    "class A { } // \\",
    "sealed public class A { }",
    "; class A { }",
    'class A { String b = "\\u005c\\u005c"; }',
]


def _texts() -> list[str]:
    statements = _lines(STATEMENTS)
    members = _lines(MEMBERS)
    return [
        *(f"class X {{ void f() {{ {text}\n }} }}" for text in statements),
        *(f"class X {{ {text} }}" for text in members),
        *FILES,
    ]


def _lines(block: str) -> list[str]:
    """The texts of a block, one a line; a line that begins with blanks, or `b"`, goes on with the one before."""
    found: list[str] = []
    for line in block.split("\n"):
        if found and (line.startswith("  ") or line.startswith('b"')):
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


TEXTS = _texts()
