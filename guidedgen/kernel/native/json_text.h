// Languages of JSON strings: every content expression is over the raw bytes between the quotes, in all spellings.
//
// `Texts` belongs to one lexer and remembers what it built, by text. Contents of different texts share no spelling, so
// unions, intersections and complements of contents are those of the sets of texts. Nothing here calls Python, except the
// first reading of a pattern with \p{...} (see UnicodeProperties).
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "json_base64.h"
#include "json_formats.h"
#include "json_regex.h"
#include "regex_assertions.h"
#include "regex_encode.h"

namespace guidedgen {

class Texts {
  public:
    explicit Texts(Expressions& expressions)
        : e_(expressions), spellings_(expressions), any_(e_.repeat(spellings_.spell(CharSet::any()), 0, -1)) {
        e_.mark_text(any_);
        e_.set_universe(any_);
    }

    // The content of any string.
    int32_t any() const { return any_; }

    // The content of any string with each character in one spelling, or two: searches for texts need no others.
    int32_t canonical() {
        if (canonical_ < 0) canonical_ = e_.prints() ? e_.repeat(e_.either(canonical_characters()), 0, -1) : any_;
        return canonical_;
    }

    // All texts that need no escape, in all spellings.
    int32_t plain() {
        static constexpr char pattern_of_plain[] = "^[^\"\\\\\\x00-\\x1f]*$";
        if (plain_ >= 0) return plain_;
        if (e_.complete()) return plain_ = pattern(pattern_of_plain);
        const CharSet escaped = CharSet::of({{0, 0x1F}}) | CharSet::from("\"\\");
        return plain_ = e_.repeat(spellings_.spell(~(escaped | spellings_.unwritten())), 0, -1);
    }

    // One text in all spellings; a text with a lone surrogate has none.
    int32_t literal(std::string_view utf8) { return spelled(utf8, Expressions::kEpsilon); }

    // One text of a set: a trie with shared tails, built from its leaves.
    int32_t literals(const std::vector<std::string>& texts) {
        std::vector<std::string_view> sorted(texts.begin(), texts.end());
        std::sort(sorted.begin(), sorted.end());
        sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
        return sorted.empty() ? Expressions::kEmpty : trie(sorted, 0, sorted.size(), 0);
    }

    // So many characters (code points); `high` -1: no maximum.
    int32_t length(int64_t low, int64_t high) {
        if (low > INT32_MAX) throw fixed_limit("repeat", INT32_MAX, "least length of a string");
        if (high >= 0 && high < low) return Expressions::kEmpty;
        const int64_t most = high > INT32_MAX ? -1 : high;   // no text in memory is longer
        return e_.repeat(spellings_.spell(CharSet::any()), static_cast<int32_t>(low), static_cast<int32_t>(most));
    }

    // The texts in which an ECMA-262 pattern finds something.
    int32_t pattern(std::string_view ecma) { return built(patterns_, ecma, true); }

    // The texts that an ECMA-262 pattern matches as a whole.
    int32_t whole(std::string_view ecma) { return built(wholes_, ecma, false); }

    // The texts of a format, or -1 where it is not enforced.
    int32_t format(std::string_view name) {
        auto found = JsonFormats::all().find(name);
        if (found == JsonFormats::all().end()) return -1;
        auto known = formats_.find(found->first);
        if (known != formats_.end()) return known->second;
        int32_t content = found->second.pattern ? build(found->second.pattern(), false) : regex();
        if (found->second.longest >= 0) content = e_.both({content, length(0, found->second.longest)});
        formats_.emplace(found->first, content);
        return content;
    }

    // The texts with a content (ContentBits, not 0): base64, a JSON document, or one in base64.
    int32_t content(uint8_t what) {
        if (what == kBase64) return whole(Base64Documents::kPattern);
        if (what & kBase64)
            return e_.lazily("JSON in base64", [this](int32_t self) { return std::make_unique<Base64Documents>(e_, spellings_, self); });
        if (documents_ < 0) {
            RegexTree tree;
            documents_ = RegexEncoder(tree, spellings_, e_, any_).encode(JsonDocuments::build(tree));
        }
        return documents_;
    }

    bool enforced(std::string_view name) const { return JsonFormats::all().count(name) > 0; }

    std::vector<std::string> formats() const {
        std::vector<std::string> names;
        for (const auto& entry : JsonFormats::all()) names.push_back(entry.first);
        return names;
    }

    // What of a format's definition is not enforced, in words; empty where all of it is.
    std::string unchecked(std::string_view name) const {
        auto found = JsonFormats::all().find(name);
        return found == JsonFormats::all().end() ? "" : found->second.unchecked;
    }

    // The contents that are in all of some contents. Bounds of lengths are put together: where they leave nothing, no search
    // through that many characters has to find it.
    int32_t both(std::vector<int32_t> contents) {
        int64_t low = 0, high = -1;
        size_t lengths = 0, kept = 0;
        for (int32_t content : contents) {
            if (!is_length(content)) {
                contents[kept++] = content;
                continue;
            }
            const Expr& e = e_.at(content);
            lengths += content != any_;
            low = std::max<int64_t>(low, e.low);
            if (e.high >= 0) high = high < 0 ? e.high : std::min<int64_t>(high, e.high);
        }
        contents.resize(kept);
        if (lengths > 0) contents.push_back(length(low, high));
        return contents.empty() ? any_ : contents.size() == 1 ? contents[0] : e_.both(std::move(contents));
    }

    // The contents that are not in a content.
    int32_t complement(int32_t content) {
        if (content == any_) return Expressions::kEmpty;
        if (content == Expressions::kEmpty) return any_;
        if (is_length(content)) {
            const Expr e = e_.at(content);
            const int32_t below = e.low > 0 ? length(0, e.low - 1) : Expressions::kEmpty;
            return e_.either({below, e.high >= 0 ? length(int64_t{e.high} + 1, -1) : Expressions::kEmpty});
        }
        auto known = complements_.find(content);
        if (known != complements_.end()) return known->second;
        const int32_t made = e_.both({any_, e_.negate(content)});
        complements_.emplace(content, made);
        complements_.emplace(made, content);
        return made;
    }

    // Whether a text is in a content.
    bool holds(int32_t content, std::string_view utf8) {
        for (uint32_t code : code_points(utf8)) {
            if (code - 0xD800 < 0x800 || spellings_.spell(code) == Expressions::kEmpty) return false;
            for (uint8_t byte : spellings_.some(code, plain(code)))
                if ((content = after(content, byte)) == Expressions::kEmpty) return false;
        }
        return e_.at(content).nullable;
    }

    // The rest of a content behind one byte.
    int32_t after(int32_t content, uint8_t byte) {
        for (const auto& part : e_.derive(content))
            if (part.first.has(byte)) return part.second;
        return Expressions::kEmpty;
    }

  private:
    static constexpr size_t kMostLoopStates = 2000;

    // Whether a content is all that has a number of characters within bounds.
    bool is_length(int32_t content) const {
        const Expr& e = e_.at(content);
        return e.op == Op::Repeat && e.a == e_.at(any_).a;
    }

    // A character as json.dumps(ensure_ascii=False) writes it.
    static std::string plain(uint32_t code) {
        static constexpr char hex[] = "0123456789abcdef";
        if (code == '"' || code == '\\') return {'\\', static_cast<char>(code)};
        if (code < 0x20) return {'\\', 'u', '0', '0', hex[code >> 4], hex[code & 15]};
        std::string text;
        if (code < 0x80) return text += static_cast<char>(code);
        const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        static constexpr uint32_t marks[4] = {0, 0xC0, 0xE0, 0xF0};
        text += static_cast<char>(marks[more] | (code >> (6 * more)));
        for (int i = more; i-- > 0;) text += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3F));
        return text;
    }

    std::vector<int32_t> canonical_characters() {
        auto bytes = [this](int from, int to, const char* without = "") {
            ByteSet set;
            for (int b = from; b <= to; ++b)
                if (!std::strchr(without, b)) set.add(static_cast<uint8_t>(b));
            return e_.bytes(set);
        };
        auto sequence = [this](std::initializer_list<int32_t> parts) {
            int32_t result = Expressions::kEpsilon;
            for (size_t i = parts.size(); i-- > 0;) result = e_.concat(parts.begin()[i], result);
            return result;
        };
        const int32_t more = bytes(0x80, 0xBF), zero = bytes('0', '0');
        const int32_t hex = e_.either({bytes('0', '9'), bytes('a', 'f')});
        ByteSet shorts;
        for (char c : {'"', '\\', 'b', 'f', 'n', 'r', 't'}) shorts.add(static_cast<uint8_t>(c));
        return {bytes(0x20, 0x7F, "\"\\"), sequence({bytes(0xC2, 0xDF), more}), sequence({bytes(0xE0, 0xE0), bytes(0xA0, 0xBF), more}),
                sequence({bytes(0xE1, 0xEC), more, more}), sequence({bytes(0xED, 0xED), bytes(0x80, 0x9F), more}),
                sequence({bytes(0xEE, 0xEF), more, more}), sequence({bytes(0xF0, 0xF0), bytes(0x90, 0xBF), more, more}),
                sequence({bytes(0xF1, 0xF3), more, more, more}), sequence({bytes(0xF4, 0xF4), bytes(0x80, 0x8F), more, more}),
                sequence({bytes('\\', '\\'), e_.bytes(shorts)}),
                sequence({bytes('\\', '\\'), bytes('u', 'u'), zero, zero, bytes('0', '1'), hex}), spellings_.spell(spellings_.unwritten())};
    }

    int32_t spelled(std::string_view utf8, int32_t rest) {
        const std::vector<uint32_t> codes = code_points(utf8);
        for (size_t i = codes.size(); i-- > 0;) rest = e_.concat(spellings_.spell(codes[i]), rest);
        return rest;
    }

    static bool inside_character(std::string_view text, size_t at) { return at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80; }

    // The texts sorted[from, to) without their first `depth` bytes. It recurses where texts part, and not along them.
    int32_t trie(const std::vector<std::string_view>& sorted, size_t from, size_t to, size_t depth) {
        if (to - from == 1) return literal(sorted[from].substr(depth));
        const std::string_view first = sorted[from], last = sorted[to - 1];
        size_t common = depth;
        while (common < first.size() && first[common] == last[common]) ++common;
        while (common > depth && (inside_character(first, common) || inside_character(last, common))) --common;
        std::vector<std::pair<int32_t, uint32_t>> branches;   // what follows, the character before it
        const bool ends = first.size() == common;
        for (size_t i = from + ends; i < to;) {
            size_t next = common + 1;
            while (inside_character(sorted[i], next)) ++next;
            const std::string_view head = sorted[i].substr(common, next - common);
            size_t end = i + 1;
            while (end < to && sorted[end].substr(common, next - common) == head) ++end;
            const int32_t tail = trie(sorted, i, end, next);
            branches.emplace_back(tail, code_points(head)[0]);
            i = end;
        }
        std::sort(branches.begin(), branches.end());
        std::vector<int32_t> options;
        if (ends) options.push_back(Expressions::kEpsilon);
        for (size_t i = 0; i < branches.size();) {
            size_t end = i + 1;
            while (end < branches.size() && branches[end].first == branches[i].first) ++end;
            options.push_back(e_.concat(head_of(branches, i, end), branches[i].first));
            i = end;
        }
        return spelled(first.substr(depth, common - depth), e_.either(std::move(options)));
    }

    int32_t head_of(const std::vector<std::pair<int32_t, uint32_t>>& branches, size_t from, size_t to) {
        if (to - from == 1) return spellings_.spell(branches[from].second);
        std::vector<CharSet::Range> ranges;
        for (size_t i = from; i < to; ++i) ranges.emplace_back(branches[i].second, branches[i].second);
        return spellings_.spell(CharSet::of(std::move(ranges)));
    }

    using Memo = std::unordered_map<std::string, int32_t>;

    int32_t regex() {
        RegexTree tree;
        return RegexEncoder(tree, spellings_, e_, any_).encode(RegexLanguage::build(tree));
    }

    int32_t built(Memo& memo, std::string_view pattern, bool search) {
        std::string key(pattern);
        auto known = memo.find(key);
        if (known != memo.end()) return known->second;
        const int32_t content = build(pattern, search);
        memo.emplace(std::move(key), content);
        return content;
    }

    int32_t build(std::string_view pattern, bool search) {
        RegexTree tree;
        int32_t root = EcmaParser(tree, pattern).parse();
        if (search) root = tree.concat({RegexTree::kAnyText, root, RegexTree::kAnyText});
        root = RegexAssertions(tree, pattern).translate(root);
        const int32_t content = RegexEncoder(tree, spellings_, e_, any_).encode(root);
        if (tree.entangled() && !few_states(content))
            throw RegexErrors(pattern).unsupported("tests of the surrounding text inside unbounded repetitions with so many combinations", 0);
        return content;
    }

    // Whether a language has few derivatives: those of loops in intersections may never end.
    bool few_states(int32_t content) {
        std::vector<int32_t> found{content};
        std::unordered_set<int32_t> met{content};
        for (size_t i = 0; i < found.size(); ++i) {
            if (found.size() > kMostLoopStates) return false;
            for (const auto& part : e_.derive(found[i]))
                if (met.insert(part.second).second) found.push_back(part.second);
        }
        return true;
    }

    Expressions& e_;
    Spellings spellings_;
    int32_t any_, canonical_ = -1, plain_ = -1, documents_ = -1;
    Memo patterns_, wholes_, formats_;
    std::unordered_map<int32_t, int32_t> complements_;
};

}  // namespace guidedgen
