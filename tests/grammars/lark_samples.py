"""Grammars in Lark's notation with a few texts each; tests mutate the texts."""

ARITHMETIC = (
    r"""
    ?start: sum
    ?sum: product | sum "+" product -> add | sum "-" product -> sub
    ?product: atom | product "*" atom | product "/" atom
    ?atom: NUMBER | "-" atom | NAME | "(" sum ")"
    %import common.CNAME -> NAME
    %import common.NUMBER
    %import common.WS_INLINE
    %ignore WS_INLINE
    """,
    ["1", "1 + 2*x", "-(a - 3.5e2) / b", " 7 ", "((1))", "1 +", "(1", "1 2"],
)
JSON = (
    r"""
    ?start: value
    ?value: object | array | string | SIGNED_NUMBER -> number | "true" | "false" | "null"
    array: "[" [value ("," value)*] "]"
    object: "{" [pair ("," pair)*] "}"
    pair: string ":" value
    string: ESCAPED_STRING
    %import common.ESCAPED_STRING
    %import common.SIGNED_NUMBER
    %import common.WS
    %ignore WS
    """,
    [
        '{"a": [1, -2.5e3, "x\\"y"], "b": {}}',
        "[]",
        "null",
        '"a\\\\"',
        '["a" "b"]',
        '{"a" 1}',
        '"a"b"',
        "[1,]",
        "\n[ true ]\t",
    ],
)
SQL = (
    r"""
    start: select ";"?
    select: "select"i columns "from"i NAME where? order?
    columns: "*" | NAME ("," NAME)*
    where: "where"i condition ("and"i condition | "or"i condition)*
    condition: NAME OPERATOR (NUMBER | STRING)
    order: "order"i "by"i NAME ("asc"i | "desc"i)?
    OPERATOR: "=" | "<" | ">" | "<=" | ">=" | "<>"
    STRING: /'[^']*'/
    NAME: /[a-z_]+/
    %import common.INT -> NUMBER
    %ignore /[ \n]+/
    """,
    [
        "select * from t",
        "SELECT a, b FROM t WHERE x <= 3 AND y = 'q r' order by a desc;",
        "select from t",
        "selecta from b",
    ],
)
CALC = (
    r"""
    start: (statement _NL)+
    statement: NAME "=" expression -> assign | expression
    expression: expression "**" expression | expression OPERATOR expression | NUMBER | NAME
    OPERATOR.2: /[-+\/]/ | "*"
    NAME: LETTER (LETTER | DIGIT)*
    NUMBER: DIGIT+ ["." DIGIT*]
    LETTER: "a".."z" | "A".."Z"
    DIGIT: "0".."9"
    _NL: /(\r?\n)+/
    COMMENT: "#" /[^\n]*/ "." 
    %ignore " "
    %ignore COMMENT
    """,
    ["a = 1\n", "x=2**3\ny = x+1 # note.\n\n", "1.\n", "1", "a=\n", "a # c.\n", "a # c\n"],
)
TEMPLATES = (
    r"""
    start: _list{item, ","} | "<" _list{pair{item, word}, ";"} ">"
    _list{x, separator}: x (separator x)*
    pair{left, right}: left ":" right
    item: "a".."c"
    word: /[x-z]{2,3}/
    """,
    ["a", "a,b,c", "<a:xy;b:xyz>", "<a:x>", "a,", "<a:xy", "a;b"],
)
REPEATS = (
    r"""
    start: "a"~2..3 b~2 ["c"] (("d" | "e")+ "f"?)*
    b: "b" | b2
    b2: "B"~1..2
    """,
    ["aabb", "aaabBcdef", "aaBBBB", "ab", "aabbddfee", "aaaabb", "aabbcc"],
)
EMPTY_RULES = (
    r"""
    start: a b start | "x"
    a: | "a" a
    b: ("b" c)?
    c: | c "c"
    """,
    ["x", "aabccx", "bx", "abax", "", "abc"],
)
AMBIGUOUS = (
    r"""
    start: e
    e: e e | "(" e ")" | "()" | A | B
    A: /a+/
    B: /[ab]+/
    """,
    ["a", "ab(a)()", "(((b)))", "()", "(", "ba)"],
)
CODE = (
    r"""
    start: (NAME "(" [argument ("," argument)*] ")" ";")*
    ?argument: STRING | LONG | NAME | NUMBER
    STRING: /"(?!"").*?(?<!\\)(\\\\)*?"/
    LONG: /'''.*?'''/s
    NUMBER: /[-+]?\d+(\.\d+)?/
    NAME: /(?!nil)[a-z]\w*/i
    BLOCK: /\/\*(\*(?!\/)|[^*])*\*\//
    %import common.WS
    %ignore WS
    %ignore /\/\/[^\n]*/
    """,
    ['f(a, "x\\"y", -1.5);', "g('''a\nb''');// c\nh();", "nil();", "", 'f("a" b);', "f(nil);", 'f("");'],
)
OVERRIDES = (
    r"""
    start: number+
    %import common.DIGIT
    number: DIGIT_
    DIGIT_: DIGIT
    %extend DIGIT_: "x" | "y"
    %override DIGIT: "0".."7"
    """,
    ["1", "1x2", "y", "z", "", "8", "18"],
)
UNICODE = (
    r"""
    start: greeting ("," greeting)* "!"?
    greeting: "grüß" WHO | "こんにちは" | /[α-ω]+/ | "\u00e9t\x65"
    WHO: " " ("dich"i | "Wélt")
    """,
    ["grüß dich!", "grüß WÉLT", "grüß DICH,こんにちは", "αβγ,été", "été!", "grus dich", "grüß Wélt"],
)
BRACKETS = (
    r"""
    start: tree
    !tree: "(" tree* ")" | "[" tree ~ 1..2 "]"
    """,
    ["()", "(()[()])", "[()()]", "[]", "([()", "[()()()]"],
)

SAMPLES = {
    "arithmetic": ARITHMETIC,
    "json": JSON,
    "sql": SQL,
    "calc": CALC,
    "templates": TEMPLATES,
    "repeats": REPEATS,
    "empty rules": EMPTY_RULES,
    "ambiguous": AMBIGUOUS,
    "code": CODE,
    "overrides": OVERRIDES,
    "unicode": UNICODE,
    "brackets": BRACKETS,
}
