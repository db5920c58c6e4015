// Turns a regex with tests (anchors, boundaries, lookarounds) into an exact expression over characters without them.
//
// A tree is translated from right to left. For each *class* of the character before a position (class 0: there is none, the
// others divide all characters so that every Behind test is decided by the class), `after` holds the language of the rest of
// the text. A lookahead intersects that language; a test of the character before selects classes; a part that consumes text
// is split by its last character. So `(?=A)B` is `A.* & B`, wherever it stands.
#pragma once

#include <string_view>
#include <vector>

#include "regex_ecma.h"

namespace guidedgen {

class RegexAssertions {
  public:
    // Counted repetitions of parts with tests are written out, and alternatives with far lookbehinds multiplied out, up to
    // this many times in one pattern.
    static constexpr int64_t kMaxCopies = 1000;
    static constexpr size_t kMaxNodes = 1'000'000;
    static constexpr int64_t kMaxWidth = 1 << 30;

    RegexAssertions(RegexTree& tree, std::string_view pattern) : t_(tree), errors_(pattern) {}

    // The language of whole texts that a node matches.
    int32_t translate(int32_t root) {
        if (t_.pure(root)) return root;
        divide(root);
        return whole(root);
    }

  private:
    using After = std::vector<int32_t>;   // by class

    // All nodes with tests in them, and the largest parts without, once each.
    std::vector<int32_t> nodes(int32_t root) const {
        std::vector<int32_t> found, stack{root};
        std::vector<char> seen(t_.size(), 0);
        while (!stack.empty()) {
            const int32_t node = stack.back();
            stack.pop_back();
            if (seen[node]) continue;
            seen[node] = 1;
            found.push_back(node);
            if (t_.pure(node) || t_.kind(node) == Re::Ahead) continue;
            for (int32_t child : t_.children(node)) stack.push_back(child);
        }
        return found;
    }

    bool has(int32_t root, std::initializer_list<Re> kinds) const {
        for (int32_t node : nodes(root))
            for (Re kind : kinds)
                if (t_.kind(node) == kind) return true;
        return false;
    }

    void divide(int32_t root) {
        blocks_ = {CharSet::any()};
        for (int32_t node : nodes(root)) {
            if (t_.kind(node) != Re::Behind) continue;
            const CharSet set = t_.set(node);
            std::vector<CharSet> pieces;
            for (const CharSet& block : blocks_)
                for (CharSet piece : {block & set, block - set})
                    if (!piece.empty()) pieces.push_back(std::move(piece));
            blocks_.swap(pieces);
        }
    }

    std::vector<int32_t> parts_of(int32_t id) const { return t_.kind(id) == Re::Concat ? t_.children(id) : std::vector<int32_t>{id}; }
    int32_t serial(std::vector<int32_t>::const_iterator from, std::vector<int32_t>::const_iterator to) { return t_.concat({from, to}); }

    // A node that spans the text from its start to its end.
    int32_t whole(int32_t id) {
        if (t_.size() > kMaxNodes) throw fixed_limit("expressions", kMaxNodes, "parts of one pattern");
        const std::vector<int32_t> parts = parts_of(id);
        int32_t peeled;
        if (parts.size() > 1 && peel(parts, peeled)) return peeled;
        for (size_t i = 0; i < parts.size(); ++i) {
            if (t_.kind(parts[i]) != Re::Union || t_.pure(parts[i]) || !has(parts[i], {Re::LookBehind})) continue;
            std::vector<int32_t> ways = t_.children(parts[i]), way(parts);
            budget_ -= static_cast<int64_t>(ways.size());
            if (budget_ < 0) throw errors_.unsupported("so many alternatives with lookbehinds over several characters", 0);
            for (int32_t& option : ways) {
                way[i] = option;
                option = whole(t_.concat(way));
            }
            return t_.either(ways);
        }
        for (size_t i = parts.size(); i-- > 0;)
            if (t_.kind(parts[i]) == Re::LookBehind) return split(parts, i);
        return put(id, constant(RegexTree::kEpsilon))[0];
    }

    // Decides a test at the start of the text at once: it does not depend on what comes later looking back.
    bool peel(const std::vector<int32_t>& parts, int32_t& result) {
        const RegexNode first = t_.at(parts[0]);
        const int32_t rest = serial(parts.begin() + 1, parts.end());
        if (first.kind == Re::Ahead || first.kind == Re::LookAhead) {
            const int32_t test = put(parts[0], constant(RegexTree::kAnyText))[0];
            result = t_.both({test, whole(rest)});
            return true;
        }
        if (first.kind == Re::Behind) {
            result = first.flag ? whole(rest) : RegexTree::kNothing;
            return true;
        }
        const RegexNode anchor = t_.at(parts[1]);
        if (anchor.kind != Re::Behind || !t_.set(parts[1]).empty() || !first.pure) return false;
        result = first.nullable ? whole(rest) : RegexTree::kNothing;
        return true;
    }

    // Intersects what stands left of the last far lookbehind with what it asks for.
    int32_t split(const std::vector<int32_t>& parts, size_t at) {
        const RegexNode test = t_.at(parts[at]);
        const int32_t before = serial(parts.begin(), parts.begin() + at);
        for (int32_t part : {before, test.a})
            if (has(part, {Re::Ahead, Re::LookAhead}))
                throw errors_.unsupported("a lookahead that is followed by a lookbehind over several characters", test.place);
        const int32_t ending = whole(t_.concat({RegexTree::kAnyText, test.a}));
        const int32_t left = t_.both({whole(before), test.flag ? t_.complement(ending) : ending});
        const After after = put(serial(parts.begin() + at + 1, parts.end()), constant(RegexTree::kEpsilon));
        return consume(left, after)[0];
    }

    After constant(int32_t rest) const { return After(1 + blocks_.size(), rest); }

    template <class F>
    After by_class(const After& left, const After& right, F join) {
        After result(left.size());
        for (size_t i = 0; i < left.size(); ++i)
            result[i] = i > 0 && left[i] == left[i - 1] && right[i] == right[i - 1] ? result[i - 1] : join(left[i], right[i]);
        return result;
    }
    After both(const After& left, const After& right) {
        return by_class(left, right, [this](int32_t l, int32_t r) { return restrict_to(l, r); });
    }
    After either(const After& left, const After& right) {
        return by_class(left, right, [this](int32_t l, int32_t r) { return t_.either({l, r}); });
    }

    // left & right; a test of the next character is worked into `left` instead.
    int32_t restrict_to(int32_t left, int32_t right) {
        CharSet set;
        bool empty = false;
        return first_test(right, set, empty) ? t_.first_in(left, set, empty) : t_.both({left, right});
    }

    // Whether a language is: a character of a set, then anything; or (`empty`) nothing at all.
    bool first_test(int32_t id, CharSet& set, bool& empty) const {
        const RegexNode& n = t_.at(id);
        if (n.kind == Re::Concat && n.count == 2) {
            const std::vector<int32_t> parts = t_.children(id);
            if (t_.kind(parts[0]) != Re::Chars || parts[1] != RegexTree::kAnyText) return false;
            set = t_.set(parts[0]);
            return true;
        }
        if (n.kind == Re::Repeat && n.low == 0 && n.high == 1) return empty = true, first_test(n.a, set, empty);
        return false;
    }

    After put(int32_t id, After after) {
        if (t_.size() > kMaxNodes) throw fixed_limit("expressions", kMaxNodes, "parts of one pattern");
        const RegexNode n = t_.at(id);
        if (n.pure) return consume(id, after);
        switch (n.kind) {
            case Re::Concat: {
                const std::vector<int32_t> parts = t_.children(id);
                for (size_t i = parts.size(); i-- > 0;) after = put(parts[i], std::move(after));
                return after;
            }
            case Re::Union: {
                After result = constant(RegexTree::kNothing);
                for (int32_t option : t_.children(id)) result = either(result, put(option, after));
                return result;
            }
            case Re::Repeat:
                return repeat(n, std::move(after));
            case Re::Ahead:
                return both(after, constant(n.a));
            case Re::LookAhead: {
                After found = put(n.a, constant(RegexTree::kAnyText));
                if (n.flag)
                    for (int32_t& rest : found) rest = t_.complement(rest);
                return both(after, found);
            }
            case Re::Behind: {
                // A block lies inside the set or outside: one of its characters decides.
                const CharSet set = t_.set(id);
                if (!n.flag) after[0] = RegexTree::kNothing;
                for (size_t i = 0; i < blocks_.size(); ++i)
                    if (!set.has(blocks_[i].ranges()[0].first)) after[i + 1] = RegexTree::kNothing;
                return after;
            }
            default:
                throw errors_.unsupported("a lookbehind over several characters inside a group", n.place);
        }
    }

    // Puts a part without tests before `after`, split by the class of its last character where that matters.
    After consume(int32_t part, const After& after) {
        std::vector<std::pair<int32_t, CharSet>> groups;
        for (size_t i = 0; i < blocks_.size(); ++i) {
            size_t g = 0;
            while (g < groups.size() && groups[g].first != after[i + 1]) ++g;
            if (g == groups.size()) groups.emplace_back(after[i + 1], CharSet());
            groups[g].second = groups[g].second | blocks_[i];
        }
        if (groups.size() == 1 && after[0] == after[1]) return constant(t_.concat({part, after[0]}));
        std::vector<int32_t> ends;
        for (const auto& group : groups)
            if (group.first != RegexTree::kNothing) ends.push_back(t_.concat({t_.last_in(part, group.second), group.first}));
        const int32_t consumed = t_.either(ends);
        if (!t_.nullable(part)) return constant(consumed);
        After result(after);
        for (size_t i = 0; i < result.size(); ++i) result[i] = i > 0 && after[i] == after[i - 1] ? result[i - 1] : t_.either({consumed, after[i]});
        return result;
    }

    After repeat(const RegexNode& n, After after) {
        if (empty_width(n.a)) return n.low == 0 ? after : put(n.a, std::move(after));
        After result;
        if (tempered(n, after, result)) return result;
        const int64_t written = n.high < 0 ? n.low : n.high;
        budget_ -= written;
        if (budget_ < 0) throw errors_.unsupported("a test of the surrounding text repeated very often", n.place);
        if (n.high < 0) after = star(n.a, after);
        result = after;
        for (int64_t count = written; count > 0; --count) {
            After turn = put(n.a, result);
            result = count <= n.low ? turn : either(turn, after);
        }
        return result;
    }

    // Any number of turns: a loop whose body is the rest, or one turn and the loop again. Turns that take no character are left
    // out: the standard ends a repetition there (ECMA-262, 22.2.2.3.1), and their tests could only refuse.
    After star(int32_t part, const After& after) {
        const bool same = std::all_of(after.begin(), after.end(), [&](int32_t rest) { return rest == after[0]; });
        if (same && after[0] == RegexTree::kNothing) return after;
        if (--budget_ < 0) throw errors_.unsupported("tests of the surrounding text in so many repetitions", t_.at(part).place);
        const int32_t turn = filled(part);
        const bool one = same && !has(part, {Re::Behind, Re::LookBehind});   // the character before does not matter
        After loops = one ? constant(t_.loop(t_.nullable(after[0]))) : After();
        for (size_t i = loops.size(); i < after.size(); ++i) loops.push_back(t_.loop(t_.nullable(after[i])));
        const After body = either(put(turn, loops), after);
        for (size_t i = 0; i < (one ? 1 : loops.size()); ++i) t_.define(loops[i], body[i]);
        return loops;
    }

    // What a node matches by taking at least one character.
    int32_t filled(int32_t id) {
        const RegexNode n = t_.at(id);
        if (n.pure) return t_.last_in(id, CharSet::any());
        std::vector<int32_t> ways;
        if (n.kind == Re::Concat) {
            const std::vector<int32_t> parts = t_.children(id);
            int32_t before = RegexTree::kEpsilon;
            for (size_t i = 0; i < parts.size() && before != RegexTree::kNothing; ++i) {
                ways.push_back(t_.concat({before, filled(parts[i]), serial(parts.begin() + i + 1, parts.end())}));
                before = t_.concat({before, idle(parts[i])});
            }
        } else if (n.kind == Re::Union) {
            for (int32_t option : t_.children(id)) ways.push_back(filled(option));
        } else if (n.kind == Re::Repeat) {
            budget_ -= n.low;
            if (budget_ < 0) throw errors_.unsupported("a test of the surrounding text repeated very often", n.place);
            const int32_t first = filled(n.a);
            for (int64_t idle_turns = 0; idle_turns == 0 || idle_turns < n.low; ++idle_turns) {
                const int64_t done = idle_turns + 1;
                const int32_t more = t_.repeat(n.a, std::max<int64_t>(n.low - done, 0), n.high < 0 ? -1 : n.high - done, n.place);
                ways.push_back(t_.concat({idle_turns ? idle(n.a) : RegexTree::kEpsilon, first, more}));
            }
        }
        return t_.either(ways);
    }

    // What a node tests where it matches without taking a character.
    int32_t idle(int32_t id) {
        const RegexNode n = t_.at(id);
        if (n.pure) return n.nullable ? RegexTree::kEpsilon : RegexTree::kNothing;
        std::vector<int32_t> parts = t_.children(id);
        switch (n.kind) {
            case Re::Concat:
            case Re::Union:
                for (int32_t& part : parts) part = idle(part);
                return n.kind == Re::Concat ? t_.concat(parts) : t_.either(parts);
            case Re::Repeat:
                return n.low == 0 ? RegexTree::kEpsilon : idle(n.a);
            default:
                return id;
        }
    }

    // `(?:(?!A).)*` and its kin, where the rest of the text has one fixed length.
    //
    // Each character of the run is one out of a set, and each suffix of the text that begins in the run is in (or out of) a
    // language: with the length of the rest known, those are the suffixes longer than the rest.
    bool tempered(const RegexNode& n, const After& after, After& result) {
        if (t_.kind(n.a) != Re::Concat) return false;
        for (int32_t rest : after)
            if (rest != after[0]) return false;
        const std::vector<int32_t> parts = t_.children(n.a);
        size_t at = parts.size();
        for (size_t i = 0; i < parts.size(); ++i) {
            if (t_.kind(parts[i]) == Re::Ahead) continue;
            if (t_.kind(parts[i]) != Re::Chars || at < parts.size()) return false;
            at = i;
        }
        const int64_t width = fixed_width(after[0]);
        if (at == parts.size() || width < 0) return false;
        std::vector<int32_t> bounds{t_.concat({t_.repeat(parts[at], n.low, n.high, n.place), after[0]})};
        for (size_t i = 0; i < parts.size(); ++i) {
            if (i == at) continue;
            const int64_t before = i < at;
            const int32_t shortest = t_.repeat(RegexTree::kAnyChar, width + before, -1, n.place);
            const int32_t broken = t_.both({t_.complement(t_.at(parts[i]).a), shortest});
            const int32_t begun = before ? RegexTree::kAnyText : t_.repeat(RegexTree::kAnyChar, 1, -1, n.place);
            bounds.push_back(t_.complement(t_.concat({begun, broken})));
        }
        result = constant(t_.both(bounds));
        return true;
    }

    // The length that all texts of a pure node have, or -1 where that is not plain to see.
    int64_t fixed_width(int32_t id) {
        auto known = widths_.find(id);
        if (known != widths_.end()) return known->second;
        const int64_t width = width_of(id);
        widths_.emplace(id, width);
        return width;
    }

    int64_t width_of(int32_t id) {
        const RegexNode& n = t_.at(id);
        int64_t width = 0;
        switch (n.kind) {
            case Re::Epsilon: return 0;
            case Re::Chars: return 1;
            case Re::Repeat:
                width = fixed_width(n.a);
                return n.low != n.high || width < 0 || width > kMaxWidth || n.low > kMaxWidth ? -1 : width * n.low;
            case Re::Concat:
                for (int32_t child : t_.children(id)) {
                    const int64_t w = fixed_width(child);
                    if (w < 0) return -1;
                    width += w;
                }
                return width > kMaxWidth ? -1 : width;
            case Re::Union:
                width = fixed_width(t_.children(id)[0]);
                for (int32_t child : t_.children(id))
                    if (fixed_width(child) != width) return -1;
                return width;
            case Re::And:
                for (int32_t child : t_.children(id))
                    if ((width = fixed_width(child)) >= 0) return width;
                return -1;
            default: return -1;
        }
    }

    bool empty_width(int32_t id) const {
        const RegexNode& n = t_.at(id);
        if (n.kind == Re::Epsilon || t_.is_test(id)) return true;
        if (n.kind != Re::Concat && n.kind != Re::Union && n.kind != Re::Repeat) return false;
        for (int32_t child : t_.children(id))
            if (!empty_width(child)) return false;
        return true;
    }

    RegexTree& t_;
    RegexErrors errors_;
    std::vector<CharSet> blocks_{CharSet::any()};
    int64_t budget_ = kMaxCopies;
    std::unordered_map<int32_t, int64_t> widths_;
};

}  // namespace guidedgen
