"""Small texts of each language of the library; tests mutate them, and cut tokens of their walks from them."""

SAMPLES: dict[str, list[str]] = {
    "arithmetic": ["1", "1 + 2*3", "-(4 - 3.5e2) / 0", " 7 ", "2 ** -3 ** 4", "+-+1 // 5 % 10.25", "((0))", "1e9", "007", "1 +"],
    "csv": ["", "a,b\r\n1,2\r\n", 'name,"of ""two"" lines\r\nor more"\n,,\n"",x', "ä,b c\n", 'a"b', '"a"b', "a\rb"],
    "email": ["ada@example.com", "a.b+c@x-y.example.org", "!#$%&'*@a.b", ".a@b.c", "a..b@c.d", "a@b", "a@-b.c", "a@b-.c", f"{'a' * 64}@b.c", f"{'a' * 65}@b.c", f"a@{'b' * 63}.c", f"a@{'b' * 64}.c"],
    "iso8601": ["2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2024-12-31T23:59:59.5Z", "2020-W53-7", "2021-W53-1", "2024-366", "2023-366", "12:30+01:00", "P1Y2M3DT4H5M6.5S", "P2W", "P1.5Y", "P1.5YT1H", "PT", "P", "2024-01-01/P1D", "2024-01-01T10:00/2024-01-02", "PT1H/2024-001", "24:00", "0000-01-01", "2024-04-31"],
    "json": ['{"a": [1, -2.5e3, "x\\"\\u00e9"], "b": {}}', "[]", "null", ' [true , false,null ]\n', "0.5", '"\\ud834 ä"', "[1,]", "01", "{'a': 1}", '"a\nb"', "NaN"],
    "jsonl": ['{"a": 1}\n{"a": [2]}\n', "1\n2", ' "x"\t\n[]\r\n', "1 2\n", "\n", "1\n\n2", "[1,\n2]"],
    "markdown_table": ["| a | b |\n|---|:-:|\n| 1 | 2 |\n", "|a|\n|-|", "| a \\| b | c |\n| --- | ---: |\n| x |\n|||", "| a | b |\n|---|\n", "|a\n|-|", "| a |\n| : |"],
    "shell_arguments": ["", "a b", "--name='x y' \"q \\\" \\\\\" \\$x", " file.txt ", "a\\ b'c'\"d\"", "$x", "a;b", "'a", '"$x"', "*", "~"],
    "url": ["https://example.org/a/b?x=1&y=%20#top", "mailto:a@b.c", "http://[::1]:80/", "http://[1:2::3:4.5.6.7]", "urn:x:y", "a:", "http://user:pw@h:/", "//a", "http://[1::2::3]", "http://a b", "http://%zz", "http://[::256.0.0.1]"],
}  # fmt: skip
