// Internationalised host names as a regular expression (RFC 5890 to 5893).
//
// Checked: the code points, the contextual rules of RFC 5892, appendix A, leading marks, hyphens, the Bidi rule of RFC 5893, and
// of A-labels ("xn--...") the spelling of the first number in Punycode (RFC 3492, 6.2) and that the last one ends. What no
// manageable expression says is not: what an A-label stands for, normalisation form C of whole labels, and the length of a
// label in Punycode (59 characters beside "xn--" are the bound). A-labels whose ASCII characters begin like "aa--" are refused:
// only what is inserted before the hyphens could make them valid (RFC 5891, 4.2.3.1).
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "chars.h"
#include "idna_tables.h"

namespace guidedgen {

class IdnPatterns {
  public:
    static constexpr const char* kUnchecked = "what an A-label stands for, normalisation form C, the exact length of labels in Punycode";

    // The pattern of host names whose labels are separated by one of `dots`, the members of a character class.
    static std::string host(const std::string& dots) { return IdnPatterns(dots).pattern(); }

  private:
    explicit IdnPatterns(std::string dots) : dots_(std::move(dots)) {}

    std::string pattern() const {
        const std::string valid = members(idna::valid);
        const std::string character = "[" + valid + "\\u{B7}\\u{375}\\u{5F3}\\u{5F4}\\u{30FB}\\u{200C}\\u{200D}\\u{660}-\\u{669}\\u{6F0}-\\u{6F9}]";
        const std::string label = "(?:[A-Za-z0-9\\-]{1,63}|" + character + "{1,59})", names = label + "(?:[" + dots_ + "]" + label + ")*";
        return "(?=(?:" + bidi() + ")$)(?!" + wrong() + ")" + names;
    }

    static std::string escape(uint32_t code) {
        static constexpr char digits[] = "0123456789ABCDEF";
        std::string text;
        for (; code || text.empty(); code >>= 4) text.insert(text.begin(), digits[code & 15]);
        return "\\u{" + text + "}";
    }

    static std::string members(const CharSet& set) {
        std::string result;
        for (const auto& range : set.ranges()) result += escape(range.first) + (range.first < range.second ? "-" + escape(range.second) : "");
        return result;
    }
    static std::string members(const char* table) { return members(decoded(table)); }

    static CharSet decoded(const char* table) {
        std::vector<CharSet::Range> ranges;
        uint32_t at = 0;
        for (bool gap = true; *table; gap = !gap) {
            char* end;
            at += static_cast<uint32_t>(std::strtoul(table, &end, 36));
            table = *end ? end + 1 : end;
            if (gap) ranges.emplace_back(at, at);
            else ranges.back().second = at++;
        }
        return CharSet::of(std::move(ranges));
    }

    // Either no character is written from right to left, or all labels keep the Bidi rule (RFC 5893, section 2).
    std::string bidi() const {
        const std::string right = members(idna::right), arabic = members(idna::arabic_number), european = members(idna::european_number);
        const std::string neutral = members(idna::neutral), marks = members(idna::nonspacing);
        const std::string other = "[^" + right + arabic + european + neutral + marks + dots_ + "]", end = "[" + marks + "]*";
        auto run = [&](const std::string& first, const std::string& inner, const std::string& last) {
            return first + "(?:" + inner + "*" + last + ")?" + end;
        };
        const std::string leftward = "[^" + right + arabic + neutral + marks + dots_ + "]";
        const std::string left = run(other, "[^" + right + arabic + dots_ + "]", leftward);
        const std::string arabic_right = run("[" + right + "]", "[" + right + arabic + neutral + marks + "]", "[" + right + arabic + "]");
        const std::string european_right = run("[" + right + "]", "[" + right + european + neutral + marks + "]", "[" + right + european + "]");
        const std::string label = "(?:" + left + "|" + arabic_right + "|" + european_right + ")";
        return "[^" + right + arabic + "]*|" + label + "(?:[" + dots_ + "]" + label + ")*";
    }

    // What no name has anywhere, from its start on.
    std::string wrong() const {
        const std::string begin = "(?:[^]*[" + dots_ + "])?", end = "(?:$|[" + dots_ + "])", inside = "[^" + dots_ + "]";
        const std::string virama = members(idna::virama), left = members(idna::joins_left), transparent = members(idna::transparent);
        const std::string japanese = members(idna::japanese);
        auto unless_before = [](const std::string& set) { return "(?:[^]*[^" + set + "])?"; };
        const std::string unmarked = members(decoded(idna::transparent) - decoded(idna::virama));
        const std::vector<std::string> cases{
            begin + "[" + members(idna::mark) + "]",                                        // RFC 5891, 4.2.3.2
            begin + "-", "[^]*-" + end, begin + inside + "{64}",                            // 4.2.3.1; RFC 1035, 2.3.4
            begin + "(?!" + punycode() + end + ")" + inside + "{2}--",
            unless_before("l") + "\\u{B7}", "[^]*\\u{B7}(?:$|[^l])",                        // RFC 5892, A.3
            "[^]*\\u{375}(?:$|[^" + members(idna::greek) + "])",                            // A.4
            unless_before(members(idna::hebrew)) + "[\\u{5F3}\\u{5F4}]",                    // A.5, A.6
            begin + "[^" + japanese + dots_ + "]*\\u{30FB}[^" + japanese + dots_ + "]*" + end,                       // A.7
            "[^]*[\\u{660}-\\u{669}]" + inside + "*[\\u{6F0}-\\u{6F9}]", "[^]*[\\u{6F0}-\\u{6F9}]" + inside + "*[\\u{660}-\\u{669}]",   // A.8, A.9
            unless_before(virama) + "\\u{200D}",                                            // A.2
            unless_before(left + transparent + virama) + "\\u{200C}",                       // A.1, before it
            unless_before(left + transparent) + "[" + transparent + "]*[" + unmarked + "]\\u{200C}",
            unless_before(virama) + "\\u{200C}[" + transparent + "]*(?:$|[^" + transparent + members(idna::joins_right) + "])",   // and behind
        };
        std::string all;
        for (const std::string& one : cases) all += (all.empty() ? "" : "|") + one;
        return all;
    }

    static std::string punycode() {
        return "[xX][nN]--(?:(?!..--)[A-Za-z0-9\\-]+-)?(?:[Aa]|[B-Zb-z0-9](?:[Aa]|[B-Zb-z0-9][0-9]{0,4}[A-Za-z]))(?:[A-Za-z0-9]*[A-Za-z])?";
    }

    std::string dots_;
};

}  // namespace guidedgen
