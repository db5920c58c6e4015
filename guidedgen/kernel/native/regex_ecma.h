// Parser for ECMA-262 regular expressions with the `u` flag and no others (section 22.2.1), as JSON Schema means them.
//
// Real schemas write escapes that the `u` flag forbids (`\-`, `\_`, `\"`), lone braces and `[\w-.]`; they are read as Annex B
// reads them. Letters that are no escape stay errors, since other dialects give them a meaning. Lazy quantifiers are read
// as greedy ones: for whole texts they say the same. Groups are kept on an explicit stack.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "regex_tree.h"
#include "schema_nodes.h"

namespace guidedgen {

// Unicode properties by name: "General_Category=Lu", "Script=Greek", "Alphabetic". Whoever knows the tables sets `look_up`;
// what it returned is kept for the life of the process, so that a pattern once read never asks again.
class UnicodeProperties {
  public:
    // Throws SchemaError for what is unknown or missing.
    using LookUp = std::function<CharSet(const std::string& name)>;

    static void set(LookUp look_up) {
        std::lock_guard<std::mutex> guard(mutex());
        source() = std::move(look_up);
    }

    static CharSet find(const std::string& name) {
        LookUp ask;
        {
            std::lock_guard<std::mutex> guard(mutex());
            auto known = memo().find(name);
            if (known != memo().end()) return known->second;
            ask = source();
        }
        if (!ask) throw SchemaError(SchemaError::Kind::Unsupported, "the tables of Unicode properties are not there", "", "pattern");
        CharSet chars = ask(name);
        std::lock_guard<std::mutex> guard(mutex());
        return memo().emplace(name, std::move(chars)).first->second;
    }

  private:
    static std::mutex& mutex() {
        static std::mutex m;
        return m;
    }
    static LookUp& source() {
        static LookUp* s = new LookUp;   // never destroyed: it may hold what belongs to an interpreter that is gone by then
        return *s;
    }
    static std::unordered_map<std::string, CharSet>& memo() {
        static std::unordered_map<std::string, CharSet> m;
        return m;
    }
};

struct EcmaClasses {
    CharSet digits = CharSet::of({{'0', '9'}});
    CharSet word = CharSet::of({{'0', '9'}, {'A', 'Z'}, {'a', 'z'}, {'_', '_'}});
    CharSet terminators = CharSet::of({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}});   // section 12.3
    CharSet space = CharSet::of({{9, 13}, {' ', ' '}, {0xA0, 0xA0}, {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029},
                                 {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}});   // 12.2, 12.3
    static const EcmaClasses& get() {
        static const EcmaClasses classes;
        return classes;
    }
};

// Errors that show the pattern; `place` counts code points from 0.
class RegexErrors {
  public:
    explicit RegexErrors(std::string_view pattern) : pattern_(pattern) {}

    SchemaError syntax(const std::string& message, size_t place, const std::string& hint = "") const {
        return {SchemaError::Kind::Syntax, "invalid regular expression '" + shown() + "', column " + std::to_string(place + 1) + ": " + message, "",
                "pattern", hint};
    }
    SchemaError unsupported(const std::string& what, size_t place, const std::string& hint = "") const {
        return {SchemaError::Kind::Unsupported,
                "regular expression '" + shown() + "', column " + std::to_string(place + 1) + ": " + what + " cannot be enforced exactly", "", "pattern",
                hint.empty() ? "Rewrite the pattern without it." : hint};
    }

  private:
    std::string shown() const {
        size_t end = std::min<size_t>(pattern_.size(), 200);
        while (end < pattern_.size() && end > 0 && (static_cast<uint8_t>(pattern_[end]) & 0xC0) == 0x80) --end;
        return std::string(pattern_.substr(0, end)) + (end < pattern_.size() ? "..." : "");
    }
    std::string_view pattern_;
};

class EcmaParser {
  public:
    static constexpr size_t kMaxGroups = 500;

    EcmaParser(RegexTree& tree, std::string_view pattern) : tree_(tree), errors_(pattern), text_(code_points(pattern)) {
        groups_.emplace_back();
    }

    int32_t parse() {
        while (place_ < text_.size()) step(text_[place_]);
        if (groups_.size() > 1) throw errors_.syntax("missing ), unterminated group", groups_.back().place, "Close the group.");
        return body(groups_[0]);
    }

  private:
    enum class Close : uint8_t { Plain, Ahead, NotAhead, Behind, NotBehind };

    struct Group {
        Close close = Close::Plain;
        size_t place = 0;
        std::vector<int32_t> options, parts;
        const char* sealed = nullptr;   // why the last part cannot be repeated
    };

    // A member of a class: one code point, or a set such as \d.
    struct Item {
        bool single;
        uint32_t code;
        CharSet set;
        Item(uint32_t c) : single(true), code(c) {}
        Item(CharSet s) : single(false), code(0), set(std::move(s)) {}
        CharSet chars() const { return single ? CharSet::single(code) : set; }
    };

    int32_t body(Group& group) {
        group.options.push_back(tree_.concat(group.parts));
        return tree_.either(group.options);
    }

    void step(uint32_t c) {
        const size_t start = place_;
        int64_t low = 0, high = -1;
        if (c == '|') {
            ++place_;
            Group& group = groups_.back();
            group.options.push_back(tree_.concat(group.parts));
            group.parts.clear();
            group.sealed = nullptr;
        } else if (c == '(') {
            open_group();
        } else if (c == ')') {
            close_group();
        } else if (quantifier(low, high)) {
            quantify(low, high, start);
        } else {
            atom(c);
        }
    }

    void add(int32_t part, const char* sealed = nullptr) {
        groups_.back().parts.push_back(part);
        groups_.back().sealed = sealed;
    }

    void atom(uint32_t c) {
        const size_t start = place_;
        if (c == '[') return add(tree_.chars(char_class()));
        ++place_;
        switch (c) {
            case '\\': return escape(start);
            case '.': return add(tree_.chars(~EcmaClasses::get().terminators));
            case '^': return assertion(tree_.behind(CharSet(), true, at(start)));
            case '$': return assertion(tree_.ahead(RegexTree::kEpsilon, at(start)));
            default: return add(tree_.chars(CharSet::single(c)));
        }
    }

    void assertion(int32_t test) { add(test, "an assertion cannot be repeated"); }
    static int32_t at(size_t place) { return static_cast<int32_t>(place); }

    void push(Close close, size_t start) {
        groups_.emplace_back();
        groups_.back().close = close;
        groups_.back().place = start;
        if (groups_.size() > kMaxGroups) throw fixed_limit("depth", kMaxGroups, "groups of the pattern are nested deeper");
    }

    void open_group() {
        const size_t start = place_;
        if (!accept("(?")) {
            ++place_;
            return push(Close::Plain, start);
        }
        if (accept(":")) return push(Close::Plain, start);
        if (accept("=")) return push(Close::Ahead, start);
        if (accept("!")) return push(Close::NotAhead, start);
        if (accept("<=")) return push(Close::Behind, start);
        if (accept("<!")) return push(Close::NotBehind, start);
        if (accept("<") && group_name()) return push(Close::Plain, start);
        if (modifiers()) throw errors_.unsupported("a group with modifiers", start);
        throw errors_.syntax("unknown kind of group", start, "ECMA-262 has (?:...), (?=...), (?!...), (?<=...), (?<!...) and (?<name>...).");
    }

    // Beyond ASCII, every character is taken as part of a name.
    bool group_name() {
        size_t i = place_;
        auto begins = [](uint32_t c) { return c >= 0x80 || c == '$' || c == '_' || (c < 0x80 && std::isalpha(static_cast<int>(c))); };
        if (i >= text_.size() || !begins(text_[i])) return false;
        while (i < text_.size() && (begins(text_[i]) || is_digit(text_[i]))) ++i;
        if (i >= text_.size() || text_[i] != '>') return false;
        place_ = i + 1;
        return true;
    }

    bool modifiers() const {
        size_t i = place_;
        auto letters = [&] { while (i < text_.size() && (text_[i] == 'i' || text_[i] == 'm' || text_[i] == 's')) ++i; };
        letters();
        if (i < text_.size() && text_[i] == '-') ++i, letters();
        return i < text_.size() && text_[i] == ':';
    }

    void close_group() {
        if (groups_.size() == 1) throw errors_.syntax("unbalanced parenthesis", place_, "Escape it as \\).");
        ++place_;
        Group group = std::move(groups_.back());
        groups_.pop_back();
        const int32_t inner = body(group), place = at(group.place);
        switch (group.close) {
            case Close::Plain: return add(inner);
            case Close::Ahead: return add(tree_.look_ahead(inner, false, place));
            case Close::NotAhead: return add(tree_.look_ahead(inner, true, place));
            case Close::Behind: return add(tree_.look_behind(inner, false, place));
            case Close::NotBehind: return add(tree_.look_behind(inner, true, place));
        }
    }

    bool quantifier(int64_t& low, int64_t& high) {
        const uint32_t c = text_[place_];
        if (c == '{') return braces(low, high);
        if (c != '*' && c != '+' && c != '?') return false;
        low = c == '+';
        high = c == '?' ? 1 : -1;
        ++place_;
        return true;
    }

    bool braces(int64_t& low, int64_t& high) {
        size_t i = place_ + 1;
        auto number = [&](int64_t& value) {
            const size_t begin = i;
            for (value = 0; i < text_.size() && is_digit(text_[i]); ++i) value = std::min<int64_t>(value * 10 + (text_[i] - '0'), int64_t{1} << 40);
            return i > begin;
        };
        const bool minimum = number(low);
        const bool comma = i < text_.size() && text_[i] == ',';
        if (comma) ++i;
        if (!comma) high = low;
        else if (!number(high)) high = -1;
        if (i >= text_.size() || text_[i] != '}' || (!minimum && !comma)) return false;
        if (!minimum) throw errors_.syntax("a quantifier without a minimum", place_, "Write {0,n}, or escape the brace.");
        place_ = i + 1;
        return true;
    }

    void quantify(int64_t low, int64_t high, size_t start) {
        Group& group = groups_.back();
        if (group.parts.empty()) throw errors_.syntax("nothing to repeat", start, "Escape the character to match it.");
        if (group.sealed) throw errors_.syntax(group.sealed, start, "Put what is repeated into a group.");
        if (high >= 0 && high < low) throw errors_.syntax("the minimum of a repetition is above its maximum", start);
        if (std::max(low, high) > INT32_MAX) throw fixed_limit("repeat", INT32_MAX, "count of a repetition");
        accept("?");
        group.parts.back() = tree_.repeat(group.parts.back(), low, high, at(start));
        group.sealed = "multiple repeat";
    }

    void escape(size_t start) {
        const CharSet& word = EcmaClasses::get().word;
        if (accept("b")) return assertion(tree_.word_boundary(word, false, at(start)));
        if (accept("B")) return assertion(tree_.word_boundary(word, true, at(start)));
        if (accept("k") || (place_ < text_.size() && text_[place_] >= '1' && text_[place_] <= '9')) throw errors_.unsupported("a backreference", start);
        add(tree_.chars(escaped(start).chars()));
    }

    // What follows a backslash, where it means the same inside and outside classes.
    Item escaped(size_t start) {
        const EcmaClasses& classes = EcmaClasses::get();
        if (place_ >= text_.size()) throw errors_.syntax("a backslash at the end", start, "Write \\\\ to match a backslash.");
        const uint32_t c = text_[place_++];
        switch (c) {
            case 'f': return {12u};
            case 'n': return {10u};
            case 'r': return {13u};
            case 't': return {9u};
            case 'v': return {11u};
            case 'd': return {classes.digits};
            case 's': return {classes.space};
            case 'w': return {classes.word};
            case 'D': return {~classes.digits};
            case 'S': return {~classes.space};
            case 'W': return {~classes.word};
            case 'p': return {property(start)};
            case 'P': return {~property(start)};
            case 'u': return {unicode_escape(start)};
            case 'x': return {hexadecimal(2, start)};
            default: return {one_character(c, start)};
        }
    }

    uint32_t one_character(uint32_t c, size_t start) {
        const uint32_t next = place_ < text_.size() ? text_[place_] : 0;
        if (c == '0' && !is_digit(next)) return 0;
        if (c == 'c' && next < 0x80 && std::isalpha(static_cast<int>(next))) {
            ++place_;
            return next % 32;
        }
        if (c < 0x80 && std::isalnum(static_cast<int>(c))) {
            const char* hint = c == 'A' ? "Write ^." : c == 'Z' || c == 'z' ? "Write $." : "Remove the backslash.";
            throw errors_.syntax(std::string("\\") + static_cast<char>(c) + " is no escape of ECMA-262", start, hint);
        }
        return c;
    }

    static bool is_digit(uint32_t c) { return c >= '0' && c <= '9'; }
    static int hex_value(uint32_t c) {
        if (is_digit(c)) return static_cast<int>(c - '0');
        if (c >= 'a' && c <= 'f') return static_cast<int>(c - 'a' + 10);
        return c >= 'A' && c <= 'F' ? static_cast<int>(c - 'A' + 10) : -1;
    }

    uint32_t hexadecimal(int count, size_t start) {
        uint32_t code = 0;
        for (int i = 0; i < count; ++i, ++place_) {
            const int digit = place_ < text_.size() ? hex_value(text_[place_]) : -1;
            if (digit < 0) throw errors_.syntax("incomplete escape", start, "Write " + std::to_string(count) + " hexadecimal digits.");
            code = code * 16 + static_cast<uint32_t>(digit);
        }
        return code;
    }

    uint32_t unicode_escape(size_t start) {
        if (place_ < text_.size() && text_[place_] == '{') {
            size_t i = place_ + 1;
            uint32_t code = 0;
            for (; i < text_.size() && hex_value(text_[i]) >= 0; ++i) code = std::min(code * 16 + static_cast<uint32_t>(hex_value(text_[i])), 0x1000000u);
            if (i > place_ + 1 && i < text_.size() && text_[i] == '}') {
                if (code > kMaxCode) throw errors_.syntax("a code point above 10FFFF", start);
                place_ = i + 1;
                return code;
            }
        }
        const uint32_t code = hexadecimal(4, start);
        if (code < 0xD800 || code > 0xDBFF || place_ + 6 > text_.size() || text_[place_] != '\\' || text_[place_ + 1] != 'u') return code;
        uint32_t low = 0;
        for (size_t i = place_ + 2; i < place_ + 6; ++i) {
            if (hex_value(text_[i]) < 0) return code;
            low = low * 16 + static_cast<uint32_t>(hex_value(text_[i]));
        }
        if (low < 0xDC00 || low > 0xDFFF) return code;
        place_ += 6;
        return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }

    CharSet property(size_t start) {
        size_t i = place_;
        std::string name;
        auto in_name = [](uint32_t c) { return c < 0x80 && (std::isalnum(static_cast<int>(c)) || c == '_' || c == '='); };
        if (i < text_.size() && text_[i] == '{')
            for (++i; i < text_.size() && in_name(text_[i]); ++i) name += static_cast<char>(text_[i]);
        const size_t equals = name.find('=');
        const bool well = equals == std::string::npos || (equals > 0 && equals + 1 < name.size() && name.find('=', equals + 1) == std::string::npos);
        if (name.empty() || !well || i >= text_.size() || text_[i] != '}')
            throw errors_.syntax("incomplete Unicode property", start, "Write \\p{Name} or \\p{Name=Value}.");
        place_ = i + 1;
        try {
            return UnicodeProperties::find(name);
        } catch (const SchemaError& e) {
            if (e.kind == SchemaError::Kind::Syntax) throw errors_.syntax(e.what(), start, e.hint);
            throw errors_.unsupported(e.what(), start, e.hint);
        }
    }

    CharSet char_class() {
        const size_t start = place_++;
        const bool negated = accept("^");
        std::vector<CharSet::Range> ranges;
        while (!accept("]")) {
            if (place_ >= text_.size()) throw errors_.syntax("unterminated character class", start, "Close it with ].");
            class_range(start, ranges);
        }
        const CharSet chars = CharSet::of(std::move(ranges));
        return negated ? ~chars : chars;
    }

    void class_range(size_t start, std::vector<CharSet::Range>& ranges) {
        auto put = [&](const CharSet& set) { ranges.insert(ranges.end(), set.ranges().begin(), set.ranges().end()); };
        const size_t place = place_;
        const Item low = class_item();
        if (place_ >= text_.size() || text_[place_] != '-' || (place_ + 1 < text_.size() && text_[place_ + 1] == ']')) return put(low.chars());
        ++place_;
        if (place_ >= text_.size()) throw errors_.syntax("unterminated character class", start, "Close it with ].");
        const Item high = class_item();
        if (!low.single || !high.single) {
            // `[\w-.]`: a set cannot begin or end a range, so the hyphen means itself (ECMA-262, B.1.2.4).
            put(low.chars());
            put(high.chars());
            ranges.emplace_back('-', '-');
            return;
        }
        if (high.code < low.code) throw errors_.syntax("bad character range", place, "Swap its ends.");
        ranges.emplace_back(low.code, high.code);
    }

    Item class_item() {
        const size_t start = place_;
        if (!accept("\\")) return {text_[place_++]};
        return accept("b") ? Item(8u) : escaped(start);
    }

    bool accept(std::string_view ascii) {
        if (place_ + ascii.size() > text_.size()) return false;
        for (size_t i = 0; i < ascii.size(); ++i)
            if (text_[place_ + i] != static_cast<uint8_t>(ascii[i])) return false;
        place_ += ascii.size();
        return true;
    }

    RegexTree& tree_;
    RegexErrors errors_;
    std::vector<uint32_t> text_;
    size_t place_ = 0;
    std::vector<Group> groups_;
};

}  // namespace guidedgen
