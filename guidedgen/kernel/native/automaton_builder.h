// Automata written as tables: of the spans of a text, cut between characters, words or lines, and of a set of words.
//
// The spans of a text are the paths of its suffix automaton over units (a character; a word; what separates words). Each unit
// is then spelled byte by byte: the units that lead on from a state become a tree below it.
// Source: A. Blumer et al., The smallest automaton recognizing the subwords of a text, TCS 40, 1985.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "common.h"

namespace guidedgen {

// The table of an automaton under construction; states are added in any order, and their edges at the end.
class AutomatonTable {
  public:
    explicit AutomatonTable(int64_t most) : most_(most) {}

    int32_t add(bool accepting) {
        if (static_cast<int64_t>(accepting_.size()) >= most_) throw LimitError("states", static_cast<double>(most_), "states of an automaton");
        accepting_.push_back(accepting);
        head_.push_back(-1);
        return static_cast<int32_t>(accepting_.size()) - 1;
    }
    void accept(int32_t state) { accepting_[state] = true; }
    bool accepts(int32_t state) const { return accepting_[state]; }

    void edge(int32_t from, uint8_t byte, int32_t to, bool counts = false) {
        links_.push_back({to, head_[from], byte, counts});
        head_[from] = static_cast<int32_t>(links_.size()) - 1;
    }

    template <class F>
    void each_edge(int32_t from, F f) const {
        for (int32_t i = head_[from]; i >= 0; i = links_[i].next) f(links_[i].byte, links_[i].to, links_[i].counts);
    }

    // As `kernel/table.py` says: sizes, counts, where the edges of states begin, the edges, accepting states as bits.
    std::vector<int32_t> done(int32_t least = 0, int32_t most = -1) const {
        const size_t states = accepting_.size();
        std::vector<int32_t> edges, out{static_cast<int32_t>(states), 0, least, most, 0};
        out.reserve(6 + states + 2 * links_.size() + states / 32);
        edges.reserve(2 * links_.size());
        std::vector<Link> own;
        for (size_t s = 0; s < states; ++s) {
            own.clear();
            for (int32_t i = head_[s]; i >= 0; i = links_[i].next) own.push_back(links_[i]);
            std::sort(own.begin(), own.end(), [](const Link& x, const Link& y) { return x.byte < y.byte; });
            for (size_t i = 0; i < own.size();) {
                size_t j = i + 1;
                while (j < own.size() && own[j].to == own[i].to && own[j].counts == own[i].counts && own[j].byte == own[j - 1].byte + 1) ++j;
                edges.push_back(own[i].byte | own[j - 1].byte << 8 | own[i].counts << 16);
                edges.push_back(own[i].to);
                i = j;
            }
            out.push_back(static_cast<int32_t>(edges.size() / 2));
        }
        out[1] = static_cast<int32_t>(edges.size() / 2);
        out.insert(out.end(), edges.begin(), edges.end());
        std::vector<uint32_t> bits((states + 31) / 32, 0);
        for (size_t s = 0; s < states; ++s)
            if (accepting_[s]) bits[s >> 5] |= 1u << (s & 31);
        out.insert(out.end(), bits.begin(), bits.end());
        return out;
    }

  private:
    struct Link {
        int32_t to, next;
        uint8_t byte;
        bool counts;
    };
    int64_t most_;
    std::vector<bool> accepting_;
    std::vector<int32_t> head_;
    std::vector<Link> links_;
};

// How a text falls into units.
enum class Unit { Character, Word, Line };

struct Units {
    std::vector<std::string_view> texts;   // of each unit, by number
    std::vector<uint8_t> separates;        // whether spans neither begin nor end with it
    std::vector<int32_t> order;            // the text, as numbers

    Units(std::string_view data, Unit unit) {
        std::unordered_map<std::string_view, int32_t> numbers;
        std::vector<int32_t> ascii(128, -1);   // numbers of units of one byte
        for (size_t at = 0; at < data.size();) {
            const size_t length = unit == Unit::Character ? character(data, at) : run(data, at, unit);
            const std::string_view text = data.substr(at, length);
            const bool single = length == 1 && static_cast<uint8_t>(text[0]) < 0x80;
            int32_t& number = single ? ascii[static_cast<uint8_t>(text[0])] : numbers.emplace(text, -1).first->second;
            if (number < 0) {
                number = static_cast<int32_t>(texts.size());
                texts.push_back(text);
                separates.push_back(unit != Unit::Character && separator(text[0], unit));
            }
            order.push_back(number);
            at += length;
        }
    }

  private:
    static bool separator(char c, Unit unit) {
        return c == '\n' || c == '\r' || (unit == Unit::Word && (c == ' ' || c == '\t' || c == '\f' || c == '\v'));
    }

    static size_t character(std::string_view data, size_t at) {
        size_t end = at + 1;
        while (end < data.size() && (static_cast<uint8_t>(data[end]) & 0xC0) == 0x80) ++end;
        return end - at;
    }

    static size_t run(std::string_view data, size_t at, Unit unit) {
        const bool kind = separator(data[at], unit);
        size_t end = at + 1;
        while (end < data.size() && separator(data[end], unit) == kind) ++end;
        return end - at;
    }
};

class SuffixAutomaton {
  public:
    explicit SuffixAutomaton(const std::vector<int32_t>& text) {
        states_.reserve(2 * text.size() + 2);
        edges_.reserve(3 * text.size() + 2);
        states_.push_back({-1, 0, -1, -1, 0});
        int32_t last = 0;
        for (int32_t unit : text) last = extend(last, unit);
    }

    size_t size() const { return states_.size(); }
    int32_t last_unit(size_t state) const { return states_[state].unit; }

    template <class F>
    void each_edge(size_t state, F f) const {
        for (int32_t i = states_[state].edges; i >= 0; i = edges_[i].next) f(edges_[i].unit, edges_[i].to);
    }

  private:
    struct State {
        int32_t link, length, edges, unit;   // unit: the last one of all texts that lead here
        int32_t degree;
    };
    struct Edge {
        int32_t unit, to, next;
    };

    int32_t extend(int32_t last, int32_t unit) {
        const int32_t now = add({0, states_[last].length + 1, -1, unit, 0});
        int32_t at = last, there = -1;
        for (; at >= 0 && (there = find(at, unit)) < 0; at = states_[at].link) put(at, unit, now);
        if (at < 0) return now;
        const int32_t target = edges_[there].to;
        if (states_[target].length == states_[at].length + 1) {
            states_[now].link = target;
            return now;
        }
        const int32_t copy = add({states_[target].link, states_[at].length + 1, -1, unit, 0});
        for (int32_t i = states_[target].edges; i >= 0; i = edges_[i].next) put(copy, edges_[i].unit, edges_[i].to);
        for (; at >= 0 && (there = find(at, unit)) >= 0 && edges_[there].to == target; at = states_[at].link) edges_[there].to = copy;
        states_[target].link = states_[now].link = copy;
        return now;
    }

    int32_t add(const State& state) {
        states_.push_back(state);
        return static_cast<int32_t>(states_.size()) - 1;
    }

    static constexpr int32_t kFew = 8;   // edges of a state that are looked through; where there are more they are looked up

    static uint64_t key(int32_t state, int32_t unit) { return static_cast<uint64_t>(state) << 32 | static_cast<uint32_t>(unit); }

    int32_t find(int32_t state, int32_t unit) const {
        if (states_[state].degree > kFew) {
            const auto found = many_.find(key(state, unit));
            return found == many_.end() ? -1 : found->second;
        }
        int32_t i = states_[state].edges;
        while (i >= 0 && edges_[i].unit != unit) i = edges_[i].next;
        return i;
    }

    void put(int32_t state, int32_t unit, int32_t to) {
        State& s = states_[state];
        edges_.push_back({unit, to, s.edges});
        s.edges = static_cast<int32_t>(edges_.size()) - 1;
        if (++s.degree <= kFew) return;
        for (int32_t i = s.edges; i >= 0; i = s.degree == kFew + 1 ? edges_[i].next : -1) many_[key(state, edges_[i].unit)] = i;
    }

    std::vector<State> states_;
    std::vector<Edge> edges_;
    std::unordered_map<uint64_t, int32_t> many_;
};

// A tree of words below states: shared beginnings are one way.
class WordTree {
  public:
    explicit WordTree(AutomatonTable& table) : table_(table) {}

    // Different words in ascending order, none of them empty, each with the state that it leads to and whether it counts.
    struct Word {
        std::string_view text;
        int32_t to;
        bool counts;
        bool operator<(const Word& o) const { return text < o.text; }
    };

    void add(int32_t root, const std::vector<Word>& words) {
        std::vector<int32_t> path{root};
        for (size_t i = 0; i < words.size(); ++i) {
            const auto& [text, to, counts] = words[i];
            size_t same = 0;
            if (i > 0) {
                const std::string_view before = words[i - 1].text;
                while (same < before.size() && same < text.size() && before[same] == text[same]) ++same;
            }
            path.resize(std::min(same + 1, path.size()));
            while (path.size() < text.size()) path.push_back(step(path, text, counts));
            const bool begins_next = i + 1 < words.size() && words[i + 1].text.substr(0, text.size()) == text;
            if (begins_next) {
                path.push_back(step(path, text, counts));
                joints_.emplace_back(path.back(), to);
            } else {
                table_.edge(path.back(), static_cast<uint8_t>(text.back()), to, counts && text.size() == 1);
            }
        }
    }

    // Where a word begins another one, what follows the first leads on from its last letter, too.
    void join() {
        for (const auto& [inner, to] : joints_) {
            if (table_.accepts(to)) table_.accept(inner);
            std::vector<std::tuple<uint8_t, int32_t, bool>> edges;
            table_.each_edge(to, [&](uint8_t byte, int32_t next, bool counts) { edges.emplace_back(byte, next, counts); });
            for (const auto& [byte, next, counts] : edges) table_.edge(inner, byte, next, counts);
        }
    }

  private:
    // One more letter of a word; its first one counts for it.
    int32_t step(const std::vector<int32_t>& path, std::string_view text, bool counts) {
        const int32_t made = table_.add(false);
        table_.edge(path.back(), static_cast<uint8_t>(text[path.size() - 1]), made, counts && path.size() == 1);
        return made;
    }

    AutomatonTable& table_;
    std::vector<std::pair<int32_t, int32_t>> joints_;
};

// The spans of a text that are not empty, of at least `low` and at most `high` units (negative: any number).
inline std::vector<int32_t> spans_automaton(std::string_view data, Unit unit, int32_t low, int32_t high, int64_t most) {
    const Units units(data, unit);
    const SuffixAutomaton suffixes(units.order);
    AutomatonTable table(most);
    for (size_t s = 0; s < suffixes.size(); ++s) table.add(s > 0 && !units.separates[suffixes.last_unit(s)]);
    WordTree tree(table);
    std::vector<WordTree::Word> words;
    for (size_t s = 0; s < suffixes.size(); ++s) {
        words.clear();
        suffixes.each_edge(s, [&](int32_t u, int32_t to) {
            if (s > 0 || !units.separates[u]) words.push_back({units.texts[u], to, !units.separates[u]});
        });
        std::sort(words.begin(), words.end());
        tree.add(static_cast<int32_t>(s), words);
    }
    tree.join();
    return table.done(low, high);
}

// The words of a set, which are in ascending order.
inline std::vector<int32_t> words_automaton(const std::vector<std::string_view>& words, int64_t most) {
    AutomatonTable table(most);
    table.add(!words.empty() && words[0].empty());
    const int32_t end = table.add(true);
    std::vector<WordTree::Word> ends;
    for (std::string_view word : words)
        if (!word.empty()) ends.push_back({word, end, false});
    WordTree tree(table);
    tree.add(0, ends);
    tree.join();
    return table.done();
}

}  // namespace guidedgen
