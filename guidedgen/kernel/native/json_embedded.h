// The texts of strings whose content is a JSON document: draft 7's contentMediaType "application/json" (validation, 8.4).
//
// Values nest up to kDeepest levels: a parser of JSON may set such a limit (RFC 8259, 9), and texts with brackets of any depth
// are no regular language. Within the limit the language is exactly the grammar of RFC 8259, sections 2 to 7.
#pragma once

#include "regex_ecma.h"

namespace guidedgen {

class JsonDocuments {
  public:
    static constexpr int kDeepest = 64;   // arrays and objects inside one another

    // The node of whole texts that are JSON documents. Levels are shared, so that the tree grows with their number only.
    static int32_t build(RegexTree& tree) {
        auto read = [&tree](const std::string& pattern) { return EcmaParser(tree, pattern).parse(); };
        const std::string hex = "[0-9A-Fa-f]", digits = "[0-9][0-9]*";
        const std::string text = "\"(?:[^\\u0000-\\u001f\"\\\\]|\\\\(?:[\"\\\\/bfnrt]|u" + hex + hex + hex + hex + "))*\"";
        const std::string number = "(?:-|)(?:0|[1-9][0-9]*)(?:\\." + digits + "|)(?:[eE](?:[+\\-]|)" + digits + "|)";
        const int32_t space = read("[ \\t\\n\\r]*"), comma = read(","), name = read("[ \\t\\n\\r]*" + text + "[ \\t\\n\\r]*:");
        const int32_t scalar = read(text + "|" + number + "|true|false|null");
        // Parts with commas between them, or space only.
        auto listed = [&](const char* open, int32_t part, const char* close) {
            const int32_t more = tree.repeat(tree.concat({comma, part}), 0, -1, 0);
            return tree.concat({read(open), tree.either({space, tree.concat({part, more})}), read(close)});
        };
        int32_t value = scalar;
        for (int depth = 0; depth < kDeepest; ++depth) {
            const int32_t item = tree.concat({space, value, space});
            value = tree.either({scalar, listed("\\[", item, "\\]"), listed("\\{", tree.concat({name, item}), "\\}")});
        }
        return tree.concat({space, value, space});
    }
};

}  // namespace guidedgen
