// The format `regex`: the texts that are ECMA-262 patterns as `regex_ecma.h` reads them, as a regular expression.
//
// Groups nest up to kDepth levels: deeper patterns are refused, since brackets of any depth are no regular language; so are
// lone braces before a digit or a comma, which only Annex B allows. Four
// things that no regular expression can say are not checked: that names of groups differ, that a backreference has its group,
// that the counts of {n,m} ascend, and that ranges of classes do where an end is an escape or both are beyond ASCII.
#pragma once

#include <string>

#include "regex_ecma.h"

namespace guidedgen {

class RegexLanguage {
  public:
    static constexpr int kDepth = 8;

    // The node of whole texts that are patterns.
    static int32_t build(RegexTree& tree) {
        const std::string name = "[A-Za-z_$\\u{80}-\\u{10FFFF}][A-Za-z0-9_$\\u{80}-\\u{10FFFF}]*";
        const std::string atoms = "[^\\^$\\\\*+?()\\[{|]|" + escape() + "|\\\\[1-9][0-9]*|\\\\k<" + name + ">";
        const std::string counts = "(?:[*+?]|\\{[0-9]+(?:,[0-9]*)?\\})[?]?";
        auto read = [&tree](const std::string& pattern) { return EcmaParser(tree, pattern).parse(); };
        const int32_t atom = tree.either({read(atoms), read(classes())}), single = read("\\^|\\$|\\\\[bB]|\\||\\{+" + counts);
        const int32_t count = read("(?:" + counts + ")?"), brace = read("\\{+"), closing = read("\\)");
        const int32_t open = read("\\((?:\\?(?::|<?[=!]|<" + name + ">))?");
        // A brace that begins no count is a character (Annex B): whatever follows does not go on as a count would.
        auto sequence = [&](int32_t atoms_now) {
            const int32_t term = tree.either({single, tree.concat({atoms_now, count})});
            const int32_t behind_brace = tree.first_in(term, ~CharSet::from("0123456789,}"), false);
            return tree.concat({tree.repeat(tree.either({term, tree.concat({brace, behind_brace})}), 0, -1, 0), tree.repeat(brace, 0, 1, 0)});
        };
        int32_t body = sequence(atom);
        for (int depth = 0; depth < kDepth; ++depth) body = sequence(tree.either({atom, tree.concat({open, body, closing})}));
        return body;
    }

  private:
    // What means the same inside and outside classes.
    static std::string escape() {
        const std::string code = "u(?:[0-9A-Fa-f]{4}|\\{0*(?:10|[0-9A-Fa-f])?[0-9A-Fa-f]{1,4}\\})";
        const std::string property = "[pP]\\{[A-Za-z0-9_]+(?:=[A-Za-z0-9_]+)?\\}";
        return "\\\\(?:[dDsSwWfnrtv0]|c[A-Za-z]|x[0-9A-Fa-f]{2}|" + code + "|" + property + "|[^A-Za-z0-9])";
    }

    // Members stand alone or as ends of ranges; a hyphen behind a member makes a range, except before the closing bracket.
    static std::string classes() {
        const std::string escaped = "(?:" + escape() + "|\\\\b)", member = "(?:[^\\\\\\]\\-]|" + escaped + ")";
        const std::string later = "(?:[\\u{80}-\\u{10FFFF}]|" + escaped + ")";
        const std::string plain = "[\\0-,.-[^-\\u{10FFFF}]", any = "[\\0-[^-\\u{10FFFF}]";   // without the hyphen; with it
        const std::string ranges = ranges_from(0, '-') + "|" + ranges_from('-' + 1, 0x80) + "|" + plain + "-" + later + "|" + escaped +
                                   "-(?:" + any + "|" + escaped + ")";
        const std::string singles = "(?:" + member + "|-)" + member + "*";
        return "\\[\\^?(?:" + ranges_from('-', '-' + 1) + "|--" + later + "|(?:" + singles + ")?(?:" + ranges + "))*(?:" + singles + "-?)?\\]";
    }

    // Ranges between ASCII characters that begin with one of these and do not end before it.
    static std::string ranges_from(int first, int end) {
        std::string all;
        for (int c = first; c < end; ++c) {
            if (c == '\\' || c == ']') continue;
            const std::string code = hexadecimal(c);
            all += (all.empty() ? "" : "|") + code + "-[" + code + (c < '\\' ? "-[^-\\x7F]" : "-\\x7F]");
        }
        return all;
    }

    static std::string hexadecimal(int c) {
        static constexpr char digits[] = "0123456789ABCDEF";
        return std::string("\\x") + digits[c >> 4] + digits[c & 15];
    }
};

}  // namespace guidedgen
