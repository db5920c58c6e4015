// What a regex parser produces: hash-consed expressions over characters, plus tests of what stands around a position.
//
// Nodes without tests are *pure*; `regex_assertions.h` turns the others into pure ones, `regex_encode.h` turns pure ones
// into expressions over bytes. A *test* consumes nothing: Ahead and LookAhead test the rest of the text, Behind the
// character before, LookBehind all of the text before. A *loop* is a name for a pure node that contains it: what an unbounded
// repetition with tests and the rest of the text after it are. Equal nodes have the same id.
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "chars.h"

namespace guidedgen {

enum class Re : uint8_t { Epsilon, Chars, Concat, Union, And, Not, Repeat, Loop, Ahead, Behind, LookAhead, LookBehind };

struct RegexNode {
    Re kind;
    bool nullable = false;             // of pure nodes
    bool pure = true;
    bool looped = false;               // contains a loop
    bool flag = false;                 // Behind: holds at the start of the text; LookAhead, LookBehind: negative
    int32_t a = 0, count = 0;          // Chars, Behind: set; Loop: number; Concat, Union, And: arguments; others: child
    int64_t low = 0, high = -1;        // Repeat; -1: no maximum
    int32_t place = 0;                 // offset into the pattern, for messages; of the first equal node
};

class RegexTree {
  public:
    static constexpr int32_t kEpsilon = 0, kNothing = 1, kAnyChar = 2, kAnyText = 3;

    RegexTree() {
        add({Re::Epsilon, true});
        chars(CharSet());
        chars(CharSet::any());
        RegexNode all{Re::Repeat, true};
        all.a = kAnyChar;
        intern(all, {});
    }

    const RegexNode& at(int32_t id) const { return nodes_[id]; }
    Re kind(int32_t id) const { return nodes_[id].kind; }
    bool pure(int32_t id) const { return nodes_[id].pure; }
    bool nullable(int32_t id) const { return nodes_[id].nullable; }
    const CharSet& set(int32_t id) const { return sets_[nodes_[id].a]; }
    size_t size() const { return nodes_.size(); }

    std::vector<int32_t> children(int32_t id) const {
        const RegexNode& n = nodes_[id];
        switch (n.kind) {
            case Re::Concat: case Re::Union: case Re::And:
                return {args_.begin() + n.a, args_.begin() + n.a + n.count};
            case Re::Not: case Re::Repeat: case Re::Ahead: case Re::LookAhead: case Re::LookBehind:
                return {n.a};
            default:
                return {};
        }
    }

    bool is_test(int32_t id) const { return nodes_[id].kind >= Re::Ahead; }

    int32_t chars(const CharSet& set) {
        RegexNode n{Re::Chars};
        n.a = set_id(set);
        return intern(n, {});
    }

    // One after another. What may be empty beside "any text" adds nothing to it, and a count beside it is its minimum.
    int32_t concat(const std::vector<int32_t>& parts) {
        std::vector<int32_t> flat;
        for (int32_t part : parts) {
            if (kind(part) != Re::Concat) append(flat, part);
            else
                for (int32_t piece : children(part)) append(flat, piece);
        }
        bool pure = true, nullable = true;
        for (int32_t part : flat) {
            if (part == kNothing) return kNothing;
            pure &= nodes_[part].pure;
            nullable &= nodes_[part].nullable;
        }
        if (flat.empty()) return kEpsilon;
        if (flat.size() == 1) return flat[0];
        RegexNode n{Re::Concat, pure && nullable, pure};
        return intern(n, flat);
    }

    int32_t either(const std::vector<int32_t>& options) {
        std::vector<int32_t> flat = flatten(Re::Union, options), kept;
        CharSet set;
        bool empty = false, nullable = false, pure = true;
        int32_t sets = 0;
        for (int32_t option : flat) {
            if (option == kAnyText) return kAnyText;
            if (kind(option) == Re::Chars) set = sets++ ? set | sets_[nodes_[option].a] : sets_[nodes_[option].a];
            else if (option == kEpsilon) empty = true;
            else kept.push_back(option);
        }
        if (!set.empty()) kept.push_back(chars(set));
        for (int32_t option : kept) {
            pure &= nodes_[option].pure;
            nullable |= nodes_[option].pure && nodes_[option].nullable;
        }
        if (empty && !nullable && !kept.empty()) {
            kept.push_back(kEpsilon);
            nullable = true;
        }
        if (kept.empty()) return empty ? kEpsilon : kNothing;
        std::sort(kept.begin(), kept.end());
        if (kept.size() == 1) return kept[0];
        if (kept.size() == 2 && kept[0] == kEpsilon && pure) return repeat(kept[1], 0, 1, 0);
        RegexNode n{Re::Union, nullable, pure};
        return intern(n, kept);
    }

    // What is in all of them; pure nodes only.
    int32_t both(const std::vector<int32_t>& parts) {
        std::vector<int32_t> flat = flatten(Re::And, parts), kept;
        CharSet set = CharSet::any();
        bool sets = false, nullable = true, empty = false;
        for (int32_t part : flat) {
            nullable &= nodes_[part].nullable;
            if (part == kEpsilon) empty = true;
            if (part == kAnyText) continue;
            if (kind(part) == Re::Chars) {
                set = set & sets_[nodes_[part].a];
                sets = true;
            } else {
                kept.push_back(part);
            }
        }
        if (empty) return nullable ? kEpsilon : kNothing;
        if (set.empty()) return kNothing;
        if (sets) kept.push_back(chars(set));
        if (kept.empty()) return kAnyText;
        std::sort(kept.begin(), kept.end());
        if (kept.size() == 1) return kept[0];
        RegexNode n{Re::And, nullable};
        for (int32_t part : kept) entangled_ |= nodes_[part].looped;
        return intern(n, kept);
    }

    int32_t complement(int32_t inner) {
        if (kind(inner) == Re::Not) return nodes_[inner].a;
        if (inner == kNothing) return kAnyText;
        if (inner == kAnyText) return kNothing;
        RegexNode n{Re::Not, !nodes_[inner].nullable};
        n.a = inner;
        entangled_ |= nodes_[inner].looped;
        return intern(n, {});
    }

    int32_t repeat(int32_t inner, int64_t low, int64_t high, int32_t place) {
        if (high == 0 || inner == kEpsilon) return kEpsilon;
        if (inner == kNothing) return low == 0 ? kEpsilon : kNothing;
        if (low == 1 && high == 1) return inner;
        const RegexNode& c = nodes_[inner];
        if (c.kind == Re::Repeat && c.high < 0 && c.low <= 1 && low <= 1) return repeat(c.a, std::min(low, c.low), -1, place);
        if (c.kind == Re::Repeat && c.low == 0 && c.high == 1) return repeat(c.a, 0, high, place);   // (x?){a,b}
        if (c.pure && c.nullable) low = 0;
        RegexNode n{Re::Repeat, c.pure && low == 0, c.pure};
        n.a = inner;
        n.low = low;
        n.high = high;
        n.place = place;
        return intern(n, {});
    }

    int32_t ahead(int32_t rest, int32_t place) { return test(Re::Ahead, rest, false, place); }
    int32_t behind(const CharSet& set, bool at_start, int32_t place) { return test(Re::Behind, set_id(set), at_start, place); }
    int32_t look_ahead(int32_t inner, bool negative, int32_t place) {
        if (!pure(inner)) return test(Re::LookAhead, inner, negative, place);
        if (kind(inner) == Re::Chars) return ahead(negative ? not_beginning_with(set(inner)) : beginning_with(set(inner)), place);
        const int32_t rest = concat({inner, kAnyText});
        return ahead(negative ? complement(rest) : rest, place);
    }
    int32_t look_behind(int32_t inner, bool negative, int32_t place) {
        CharSet set;
        bool at_start = false;
        if (!one_back(inner, set, at_start)) return test(Re::LookBehind, inner, negative, place);
        return negative ? behind(~set, !at_start, place) : behind(set, at_start, place);
    }

    // \b (or \B): exactly one of the two neighbours is a word character (or both or none).
    int32_t word_boundary(const CharSet& word, bool inside, int32_t place) {
        const int32_t before_word = ahead(beginning_with(word), place), before_other = ahead(not_beginning_with(word), place);
        const int32_t after_word = behind(word, false, place), after_other = behind(~word, true, place);
        if (inside) return either({concat({after_word, before_word}), concat({after_other, before_other})});
        return either({concat({after_other, before_word}), concat({after_word, before_other})});
    }

    int32_t beginning_with(const CharSet& set) { return concat({chars(set), kAnyText}); }
    int32_t not_beginning_with(const CharSet& set) { return either({kEpsilon, beginning_with(~set)}); }

    // A name for a pure node that is defined later; in that node it stands behind at least one character.
    int32_t loop(bool nullable) {
        RegexNode n{Re::Loop, nullable};
        n.a = static_cast<int32_t>(bodies_.size());
        bodies_.push_back(-1);
        waiting_.emplace_back();
        return intern(n, {});
    }

    void define(int32_t loop, int32_t body) {
        const int32_t number = nodes_[loop].a;
        bodies_[number] = body;
        const std::vector<Waiting> waiting = std::move(waiting_[number]);
        waiting_[number].clear();
        for (const Waiting& w : waiting) define(w.loop, first_in(body, w.set, w.empty));
    }

    int32_t body(int32_t loop) const { return bodies_[nodes_[loop].a]; }
    // Whether a loop stands in an intersection or a complement: it may have any number of derivatives then.
    bool entangled() const { return entangled_; }

    // The texts of a pure node that begin with a character of the set, or are empty if `empty`.
    int32_t first_in(int32_t id, const CharSet& set, bool empty) {
        if (set.is_any() && (empty || !nullable(id))) return id;
        return remembered(id, set, empty, [&] { return first_anew(id, set, empty); });
    }

    // The non-empty texts of a pure node whose last character is in the set.
    int32_t last_in(int32_t id, const CharSet& set) {
        if (set.is_any() && !nullable(id)) return id;
        return remembered(id, set, 2, [&] { return last_anew(id, set); });
    }

  private:
    struct Waiting {   // first_in of a loop that is not defined yet
        int32_t loop;
        CharSet set;
        bool empty;
    };

    template <class F>
    int32_t remembered(int32_t id, const CharSet& set, int what, F make) {
        const uint64_t key = (static_cast<uint64_t>(id) << 34) | (static_cast<uint64_t>(set_id(set)) << 2) | static_cast<uint64_t>(what);
        auto known = edges_.find(key);
        if (known != edges_.end()) return known->second;
        const int32_t made = make();
        edges_.emplace(key, made);
        return made;
    }

    int32_t first_anew(int32_t id, const CharSet& set, bool empty) {
        const RegexNode n = nodes_[id];
        switch (n.kind) {
            case Re::Loop: {
                const int32_t begun = loop(n.nullable && empty);
                if (bodies_[n.a] < 0) waiting_[n.a].push_back({begun, set, empty});
                else define(begun, first_in(bodies_[n.a], set, empty));
                return begun;
            }
            case Re::Epsilon:
                return empty ? kEpsilon : kNothing;
            case Re::Chars:
                return chars(sets_[n.a] & set);
            case Re::Union: {
                std::vector<int32_t> options = children(id);
                for (int32_t& option : options) option = first_in(option, set, empty);
                return either(options);
            }
            case Re::Concat: {
                const std::vector<int32_t> parts = children(id);
                const int32_t rest = concat({parts.begin() + 1, parts.end()});
                const int32_t begun = concat({first_in(parts[0], set, false), rest});
                return nullable(parts[0]) ? either({begun, first_in(rest, set, empty)}) : begun;
            }
            case Re::Repeat:
                if (!nullable(n.a)) {
                    const int32_t rest = repeat(n.a, std::max<int64_t>(n.low - 1, 0), n.high < 0 ? -1 : n.high - 1, n.place);
                    return either({concat({first_in(n.a, set, false), rest}), empty && n.low == 0 ? kEpsilon : kNothing});
                }
                [[fallthrough]];
            default:
                return both({id, empty ? either({kEpsilon, beginning_with(set)}) : beginning_with(set)});
        }
    }

    int32_t last_anew(int32_t id, const CharSet& set) {
        const RegexNode n = nodes_[id];
        switch (n.kind) {
            case Re::Epsilon:
                return kNothing;
            case Re::Chars:
                return chars(sets_[n.a] & set);
            case Re::Union: {
                std::vector<int32_t> options = children(id);
                for (int32_t& option : options) option = last_in(option, set);
                return either(options);
            }
            case Re::Concat: {
                const std::vector<int32_t> parts = children(id);
                const int32_t before = concat({parts.begin(), parts.end() - 1});
                const int32_t ended = concat({before, last_in(parts.back(), set)});
                return nullable(parts.back()) ? either({ended, last_in(before, set)}) : ended;
            }
            case Re::Repeat:
                if (!nullable(n.a)) {
                    const int32_t before = repeat(n.a, std::max<int64_t>(n.low - 1, 0), n.high < 0 ? -1 : n.high - 1, n.place);
                    return concat({before, last_in(n.a, set)});
                }
                [[fallthrough]];
            default:
                return both({id, concat({kAnyText, chars(set)})});
        }
    }

    // Parts that stand beside "any text" are cut to what they demand of it.
    void append(std::vector<int32_t>& flat, int32_t piece) {
        if (piece == kEpsilon) return;
        if (!flat.empty() && pure(piece) && flat.back() == kAnyText) {
            piece = trimmed(piece, false);
            if (piece == kEpsilon) return;
            if (kind(piece) == Re::Concat) {
                for (int32_t part : children(piece)) append(flat, part);
                return;
            }
        }
        if (piece == kAnyText) {
            while (!flat.empty() && pure(flat.back())) {
                const int32_t last = flat.back(), cut = trimmed(last, true);
                if (cut == last) break;
                flat.pop_back();
                if (kind(cut) == Re::Concat) {
                    for (int32_t part : children(cut)) flat.push_back(part);
                } else if (cut != kEpsilon) {
                    flat.push_back(cut);
                    break;
                }
            }
        }
        flat.push_back(piece);
    }

    // A smaller language that is the same with any text behind it (or before it).
    int32_t trimmed(int32_t id, bool behind) {
        if (id == kAnyText) return behind ? id : kEpsilon;
        const RegexNode n = nodes_[id];
        if (n.nullable) return kEpsilon;
        if (n.kind == Re::Repeat) {
            if (n.low == 1) return trimmed(n.a, behind);
            return n.high == n.low ? id : repeat(n.a, n.low, n.low, n.place);
        }
        if (n.kind == Re::Union) {
            std::vector<int32_t> options = children(id);
            for (int32_t& option : options) option = trimmed(option, behind);
            return either(options);
        }
        if (n.kind == Re::Concat && n.pure) {
            std::vector<int32_t> parts = children(id);
            while (nullable(behind ? parts.back() : parts.front())) parts.erase(behind ? parts.end() - 1 : parts.begin());
            int32_t& edge = behind ? parts.back() : parts.front();
            edge = trimmed(edge, behind);
            return concat(parts);
        }
        return id;
    }

    // The characters before a position (and whether its being the start) that make a lookbehind hold, where that is all it needs.
    bool one_back(int32_t inner, CharSet& set, bool& at_start) const {
        const RegexNode& n = nodes_[inner];
        switch (n.kind) {
            case Re::Epsilon:
                set = CharSet::any();
                at_start = true;
                return true;
            case Re::Chars:
                set = set | sets_[n.a];
                return true;
            case Re::Behind:
                set = set | sets_[n.a];
                at_start |= n.flag;
                return true;
            case Re::Union:
                for (int32_t option : children(inner))
                    if (!one_back(option, set, at_start)) return false;
                return true;
            default:
                return false;
        }
    }

    std::vector<int32_t> flatten(Re kind, const std::vector<int32_t>& nodes) const {
        std::vector<int32_t> flat;
        for (int32_t node : nodes) {
            if (nodes_[node].kind != kind) flat.push_back(node);
            else
                for (int32_t piece : children(node)) flat.push_back(piece);
        }
        std::sort(flat.begin(), flat.end());
        flat.erase(std::unique(flat.begin(), flat.end()), flat.end());
        return flat;
    }

    int32_t test(Re kind, int32_t child, bool flag, int32_t place) {
        RegexNode n{kind, false, false, false, flag, child};
        n.place = place;
        return intern(n, {});
    }

    int32_t set_id(const CharSet& set) {
        auto found = set_ids_.emplace(set, static_cast<int32_t>(sets_.size()));
        if (found.second) sets_.push_back(set);
        return found.first->second;
    }

    int32_t intern(RegexNode n, const std::vector<int32_t>& args) {
        uint64_t h = mix(mix(static_cast<uint64_t>(n.kind), args.empty() ? n.a : -1), n.flag);
        h = mix(mix(h, static_cast<uint64_t>(n.low)), static_cast<uint64_t>(n.high));
        for (int32_t arg : args) h = mix(h, arg);
        auto range = index_.equal_range(h);
        for (auto it = range.first; it != range.second; ++it) {
            const RegexNode& o = nodes_[it->second];
            const bool same_args = args.empty() ? o.a == n.a
                                                : o.count == static_cast<int32_t>(args.size()) && std::equal(args.begin(), args.end(), args_.begin() + o.a);
            if (o.kind == n.kind && o.flag == n.flag && o.low == n.low && o.high == n.high && same_args) return it->second;
        }
        n.looped = n.kind == Re::Loop || std::any_of(args.begin(), args.end(), [this](int32_t arg) { return nodes_[arg].looped; }) ||
                   (n.kind != Re::Chars && n.kind != Re::Behind && args.empty() && nodes_[n.a].looped);
        if (!args.empty()) {
            n.a = static_cast<int32_t>(args_.size());
            n.count = static_cast<int32_t>(args.size());
            args_.insert(args_.end(), args.begin(), args.end());
        }
        index_.emplace(h, static_cast<int32_t>(nodes_.size()));
        return add(n);
    }

    int32_t add(const RegexNode& n) {
        nodes_.push_back(n);
        return static_cast<int32_t>(nodes_.size()) - 1;
    }

    std::vector<RegexNode> nodes_;
    std::vector<int32_t> args_;
    std::vector<CharSet> sets_;
    std::unordered_map<CharSet, int32_t, CharSetHash> set_ids_;
    std::unordered_multimap<uint64_t, int32_t> index_;
    bool entangled_ = false;
    std::vector<int32_t> bodies_;                   // of loops, by number; -1: not defined yet
    std::vector<std::vector<Waiting>> waiting_;
    std::unordered_map<uint64_t, int32_t> edges_;   // memo of first_in and last_in
};

}  // namespace guidedgen
