"""TypeScript texts, right and wrong: statements and declarations, one a line; the compiler's parser or tree-sitter decides."""

# ruff: noqa: E501  # texts are easier to read in one line

LINES = r"""
import a, { b, type c as d, default as e } from "f";
import * as a from 'b';
import type { A } from "b"; import "c";
import a = require("b");
export { a, b as default } from "c"; export * from "d"; export * as e from "f";
export default class extends A<B> { }
export default function (a: number): void { }
export default { a: 1 };
export const a = 1, b: C = d; export type E = F; export interface G { }
interface A<in out B, out C = D, in E extends F> { }
type A = [B.C?, D<E>?, F?, g?: H];
export default function (): a; export default function b(c: d): e;
type A = `${B[number]}-${C.D<E>[]}${"" | F}`;
declare global { interface Window { a: string } }
declare module "a" { export function b(c: d): e; const f: g; }
declare function f<T extends A = B>(this: T, a?: string, ...b: C[]): asserts a is D;
namespace A.B { export let c = 1; }
enum A { B, C = 1 << 2, "D" = "e", }
const enum A { B }
abstract class A<T> extends B.C<T> implements D, E<F> { private readonly a?: string = "b"; static #c = 1; constructor(public d: E, f = 2) { super(d); } abstract g(): void; get h(): I { return this.#c; } set h(i) { } async *j<K>(): AsyncGenerator<K> { yield* l; } static { m(); } [n: string]: any; declare o: p; override q!: r }
@A class B { @C() d: E; @f.g h(): void { } }
interface A<T> extends B, C.D<T> { a: string; readonly b?: number; c(d: e): f; (g: h): i; new (j: k): l; [m: string]: n; get o(): p; set o(q: r); "s"?: t, 1: u }
type A = { readonly [K in keyof B as C<K>]?: B[K] };
type A = { -readonly [K in B]-?: C };
let a: unique symbol;
type A = | "a" | 'b' | 1 | -2 | true | null | undefined | void;
type A = B extends (infer C)[] ? C : never;
type A = (a: B, b?: C, ...d: E[]) => f is G;
type A = new <T>(a: T) => B; type C = abstract new () => D;
type A = typeof b.c | keyof typeof d | readonly string[] | A["b"][number];
type A = [a: B, c?: D, ...e: F[]]; type G = [H?, ...I];
type A = `a${B}c${infer D}`; type E = Array<Array<Array<F>>>;
function f(a: string): void; function f(a: any) { }
async function* f<T>({ a, b: { c }, ...d }: E, [g, h]: I): Promise<J> { }
function f({ a, b: { c }, ...d }: E, [g = 1, ...h]: I = []): x is J { }
let a: string, { b, c: d = 1 } = e, [f, ...g]: h = i; var j!: k;
if (a) b(); else if (c) d(); else { e(); }
for (let i = 0, n = a.length; i < n; i++) { }
for (const a of b) c(); for (const [d, e] of f) { } for await (const g of h) { }
for (const a in b) { } for (i = 0; ; ) { }
while (a) { break; } do { continue; } while (b);
a: for (;;) { break a; }
switch (a) { case 1: case "b": c(); break; default: d(); }
try { a(); } catch (b) { } finally { } try { } catch { }
throw new Error(`a ${b} ${c.d(e)[0]} ${f ? 1 : 2} ${"g" + h}`);
a = b ? c : d ? e : f;
a = b ? (c) : d;
a ??= b || c; a ||= d; a **= 2; a >>>= 3;
a = b ?? c;
a = (b, c);
a = (b) => c; a = b => c; a = () => { }; a = async () => await b; a = async b => c;
a = (b, c = 1, [d], { e, f: [g] }) => { };
a = (b: C, d?: E, ...f: G[]): H => i;
a = ({ b, c = 1 }: D) => e; a = ({ b = 1 }) => c; a = (b, c,) => d;
a = <T,>(b: T) => c; a = <T extends U>(b: T): b is V => c;
a = async <T>(b: T) => { };
a = { b, c: d, "e": f, 1: g, [h]: i, ...j, k() { }, get l() { return 1; }, set m(n) { }, async *o() { }, async p() { }, if: q, get: r, type };
a = [b, ...c, d => e, f,];
a = function b(c) { }; a = class extends B { }; a = class C<T> { };
a = new B; a = new B<C>(d); a = new b.c(d).e(); a = new (f())();
a = b?.c?.[d]?.(e)!.f; a = b! as C as D; a = b satisfies E; a = f as const;
f<A, B<C>>(d); f<A>`b`; f(a < b, c > d);
a = b < c && d >= e || !f === typeof g;
a = -b * 2 + (c ** -d) % e << 1 & f | g ^ h;
a = /b[/]\/c/gi.test(d) / e / f;
a = b / c / d;
a = 0xff + 0b1 + 0o7 + 1_000n + .5 + 1. + 1e-3;
a = 'b\'\n\x41\u0041\u{1F600}' + "c";
a = `b ${`c ${d}`} \${e} $ f`;
a = tag`b${c}`;
await a; void b; delete c.d; typeof e;
a++; --b; c[d]--; e.f++;
a.if = b.class.default;
type = 1; declare(a); namespace.b; let module = c;
super.a(); this.b; import("c"); import.meta.url; new.target;
[a, b] = [b, a];
"use strict";
const a = 1
if (a) { return b }
x as any as B; (<T>(a: T) => b)(c);
let a = b as { c: d }[];
debugger;
""".strip("\n").split("\n")

TEXTS = [
    "",
    "// a\n/* b */\n",
    *LINES,
    "let a: Map<\n  B,\n  C\n> = d;",
    "a\n  .b()\n  .c();",
    "type A =\n  | B\n  | C;",
    "type A<\n  B\n> = C;",
    "let a = 1\nlet b = 2\n",
    "interface A {\n  a: b\n  c: d\n}",
    "interface A {\n  a: B<C>\n  <D>(e: f): g\n  (h: i): j\n  [k: l]: m\n}",
    "a = f<\n  A\n>(b);",
    "a = (b): C => d;",
    "type A = B extends infer C extends D ? E : F;",
    "for (a of b) { }",
    "a = [, b]; let [, c, , ...d] = e;",
    "a\n++b\n--c",
    "global { }",
    "let a: B\n[];",
    "type\nA = B;",
    "a = b\n  ? c // d\n  : e\nf()\n",
    "a = b // c\n  /* d */\n  .e()\n  + f\n;[g] = h",
    "if (a) b\nelse c\ndo d\nwhile (e)\nreturn\nf\n{ g }\n!h",
    "switch (a) { case 1: b(); default: c }",
    "class A { a = 1\n b: C\n [d] = e\n get\n f() { } }",
    "class A extends B<C>()\n  implements D { }\nlet e = class { }\nf(class extends (g) { })",
    "function f() {\n  return {\n    a,\n    b() { }\n  }\n}\nexport { c,\n  d\n}\nenum E { A\n}",
    "for (let a = b as c; ;) { }\nfor (let d = e ? f : g; ;) { }",
    "a = `${b > c ? d++ : [e]} ${new F(g)} ${h as I}`;",
    "type A = (a: B, c, { d }: E) => f; type G = (h, i) => j;",
    "type A = B extends (c: [D extends E ? F : G]) => H extends I ? J : K ? L : M;",
    "type A = B extends <C extends D = E>(f: { g: H extends I ? J : K }) => L ? M : N;",
    "type as = a; type satisfies<T> = a; namespace as.b { } declare type as = c;\nabstract\nclass D { }",
    "let a: B\nlet c: (D);\nf(a,); new g(b,); `${[a,, b]}`;",
    "type A = -6 extends b ? [c,] : [];",
    "a = `${b as C | D.E<F>[] || g} ${h as I as J === k}`; class L { m! = n; }",
    "type A = `${B extends C<D> ? `e` : \"\" | `${F}`}${G & (H | I)}${infer J extends 'k' | `l`}`;",
    "a = `${b ?? null} ${c !== null && true ? 'd' : false}`;",
    "++a!; --b[c]!; ++d!.e; ++f![g]!;",
    "export async function a(b: C): D\nexport async function a(e) { }",
    "let a: (b: C, { d, e }?: F, ...[g]: H) => I;",
    "a = class { } as B as C; f(class D<E> extends G { } satisfies H, i);",
    "f(a<B>, c.d<E, F[]>, [g<H>]); let i = j<K>; return l<M>",
    "a = ({ b = 1 } = c) => d; e = async ({ f = 1 } = g, h) => i; j = ({ k = 1 } = {}): l => m; n = ({ o = 1 }: P = q) => r;",
    "a = ({ [b]: c, [d + e]: { f = 1 } }) => g; h = { [i]: j, [k]: () => l };",
    "let async = 1; let { b, async } = c; if (async) d(!async.e, f ?? async); function g(async?: H) { }",
    "if (a <\n  b) { }",
    "class A { private global: B; public type?: C; protected static module = 1; namespace() { } }",
    "interface A<\n  in out B,\n  out C,\n  D> { }",
    "a = (b) => class extends b { } as c; d(() => class E { }, f);",
]

# Some of them tree-sitter takes, the compiler none but those with a line break that ends a statement.
WRONG = [
    *r"""
a = ;
let 1 = 2;
a b;
if a { }
for (let i = 0) { }
function (a) { }
function f(a b) { }
class A { a b; }
type A = ;
type A B;
interface A { a: }
import a b;
import { a } form "b";
export a;
a = { b c };
a = (b, c;
a = [b c];
a = b ? c;
a = 'b;
a = `b ${c`;
a = 1a;
a = 0x;
a = "\u12";
a = if;
let class = 1;
a = b => ;
a = (b: C);
a = (b?);
a = ({ b = 1 });
exportconst a = 1;
a asB;
switch (a) { caseb: }
class A extendsB { }
let a: B<C;
let a: B<C>> = d;
try { }
else b();
enum A { B C }
new ;
a.;
a?.;
a = -b ** 2;
""".strip("\n").split("\n"),
    "return\n{ a: 1, b: 2 };",
    "throw\na;",
    "a\n++;",
    "a = b\n!.c;",
    "a = b\nas C;",
    "a = (b)\n=> c;",
    "a = async\n() => b;",
    "a = async b\n=> c;",
    "a = (b: C)\n=> d;",
    "type A = B\nextends C ? D : E;",
    "a = b as C ? ~d : e;",
    "type A = 3nextends B ? C : D;",
    "a = b\ras C;",
    "type A = B extends (c: D extends E ? F : G) => H ? I : J;",
    "type A = B extends <C = D extends E ? F : G>(h: I) => J ? K : L;",
    "type A = B extends new (c: (d: E extends F ? G : H) => I) => J ? K : L;",
    "type as a;",
    "type satisfies as b;",
    "namespace as a;",
    "export type as = a;",
    "a as B\n<C>() => d;",
    "a as B\n/c/.d();",
    "let a: (B\n[C]);",
    "let a: (B\n<C>);",
    "let a: (B\nextends C ? D : E);",
    "let a: `${B\n[C]}`;",
    "a = `${b\nas C}`;",
    "a = `${b\n++}`;",
    "a = `${6as B}`;",
    "a = b as -6as C;",
    "f(a,, b);",
    "f(a,,);",
    "let a: [,];",
    "@a abstract\nclass B { }",
    "export @a abstract\nclass B { }",
    "@a export abstract\nclass B { }",
    "a << b<C[]>();",
    "@a export defaultclass B { }",
    "a = `${b as C | d()}`;",
    "let a: `${B[].C}`;",
    "class A { b!= c }",
    "let a!= b;",
    "f(a<B[]> + c);",
    "f(a<B>.c);",
    "a = b<C[]>\n[];",
    "a = b<C[]>\n+ d;",
    "a = b<C[]>\n<D>e;",
    "a = ({ b = 1 } = c)\n{ }",
    "({ a = 1 });",
    "async => ;",
    "a = class { }\nas B;",
    "interface A<B,\n in\nC> { }",
]

# What the grammar leaves out of the language.
LEFT_OUT = [
    "a = (b) : C => d;",
    "a = b ? (c): d;",
    "a\n+b",
    "a\n/b/c",
    "a.\nb",
    "a = b >\nc;",
    "f<A>\n(b);",
    "({ a = 1 } = b);",
    "(a, { b = 1 } = c);",
    "let await = 1;",
    "async(a);",
    "async = 1;",
    "a = <B>c;",
    "a = b <c;",
    "type A = (a) => b;",
    "type A = ({ a }: B) => c;",
    "a = `${{ b }.c}`;",
    "#!/a\n",
    "let é = 1;",
    "a = b < c < d;",
    "interface A<out> { }",
    "type A = `${{ a: B }['a']}`;",
    "<T>() => a;",
    "type A = B extends ({ c }: D, e) => F ? G : H;",
    "let a: B\n/c/.d();",
    "a << b<c>();",
]

BEYOND_TREE_SITTER = [
    "interface A<\n  in out B,\n  out C,\n  D> { }",
    "let a: B\n/c/.d();",
    "type as = a; type satisfies<T> = a; namespace as.b { } declare type as = c;\nabstract\nclass D { }",
    "interface A {\n  a: B<C>\n  <D>(e: f): g\n  (h: i): j\n  [k: l]: m\n}",
    "interface A<in out B, out C = D, in E extends F> { }",
    "export default function (): a; export default function b(c: d): e;",
    "global { }",
]
