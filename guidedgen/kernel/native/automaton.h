// Lexeme automata: expressions with their transitions, built lazily and shared by all grammars of one vocabulary.
#pragma once

#include <map>
#include <unordered_map>

#include "expressions.h"
#include "lexer_states.h"

namespace guidedgen {

class Automaton {
  public:
    // `spelled`: the bytes that texts can be written with.
    Automaton(const Limits& limits, const ByteSet& spelled) : limits_(limits), expressions_(limits, spelled) {}

    Expressions& expressions() { return expressions_; }
    int64_t states() const { return static_cast<int64_t>(states_.size()); }

    // Frees some of the states, before the rest goes; nothing else may be asked of it any more. False: there are none left.
    bool dismantle(size_t count) {
        const bool some = states_.shrink(count);
        return expressions_.dismantle(count) || some;
    }

    LexState* state(int32_t expr) {
        by_expr_.grow(static_cast<size_t>(expr) + 1);
        if (LexState* known = by_expr_[expr]) return known;
        expressions_.work().hold(sizeof(LexState) + 64);
        states_.grow(states_.size() + 1);
        LexState* s = &states_.back();
        s->id = static_cast<int32_t>(states_.size()) - 1;
        s->expr = expr;
        const Expr& e = expressions_.at(expr);
        s->accepting = e.nullable;
        if (e.sure || e.nullable || (!e.boolean && expr != Expressions::kEmpty)) s->alive = 1;
        if (expr == Expressions::kEmpty) s->alive = 0;
        if (e.op == Op::Longest) s->obligation = kUnknown;
        by_expr_[expr] = s;
        bytes_ += sizeof(LexState) + 64;
        return s;
    }

    LexState* next(LexState* s, uint8_t byte) {
        prune(s);
        if (s->edge_of) return s->edge_of[byte] ? target(s, s->edge_of[byte] - 1u) : nullptr;
        if (s->edges.size() > kFewEdges && (s->asked += static_cast<int32_t>(s->edges.size())) > kOften) number_edges(s);
        for (size_t i = 0; i < s->edges.size(); ++i)
            if (s->edges[i].bytes.has(byte)) return target(s, i);
        return nullptr;
    }

    const ByteSet& first(LexState* s) {
        prune(s);
        return s->first;
    }

    // What the rest must not begin with where a text ends here: a language without the empty text; -1: nothing.
    int32_t obligation(LexState* s) {
        if (s->obligation != kUnknown) return s->obligation;
        const int32_t tracked = expressions_.tracked(s->expr);
        if (!alive(tracked)) return s->obligation = -1;
        const int32_t left = marks_terminals_ ? behind(tracked) : tracked;
        return s->obligation = alive(left) ? shortened(left, kCharacter) : -1;
    }

    // Some expressions have a byte that stands for the end of a terminal, see `behind`.
    static constexpr uint8_t kEndOfTerminal = kTerminalMark;
    void note_marks_terminals() { marks_terminals_ = true; }

    // A language that forbids the same as the beginning of what follows: what begins with another text of it says nothing. So
    // what is left of a name is any byte of names, whatever was read of it.
    int32_t shortened(int32_t language, int depth) {
        LexState* s = state(language);
        prune(s);
        ByteSet at_once;
        std::vector<int32_t> items;
        for (size_t i = 0; i < s->edges.size(); ++i) {
            LexState* to = target(s, i);
            if (to->accepting) at_once = at_once | s->edges[i].bytes;
            else items.push_back(expressions_.concat(expressions_.bytes(s->edges[i].bytes), depth > 1 ? shortened(to->expr, depth - 1) : to->expr));
        }
        if (at_once.empty() && depth == kCharacter) return language;
        items.push_back(expressions_.bytes(at_once));
        return expressions_.either(std::move(items));
    }

    // What is left of a language at the end of a terminal: what stands there for that end begins now, and at no later end.
    int32_t behind(int32_t tracked) {
        LexState* begun = next(state(tracked), kEndOfTerminal);
        if (!begun) return tracked;
        const int32_t later = expressions_.concat(expressions_.bytes(ByteSet::single(kEndOfTerminal)), Expressions::kAll);
        const int32_t none_later = expressions_.negate(expressions_.concat(Expressions::kAll, later));
        return expressions_.nonempty(expressions_.either({begun->expr, expressions_.both({tracked, none_later})}));
    }

    // Whether any non-empty text continues from here.
    bool can_continue(LexState* s) {
        if (s->alive == 1 && !s->accepting) return true;
        prune(s);
        return !s->edges.empty();
    }

    // Where an edge leads. Many are never gone along: the other spellings of a letter, say.
    LexState* target(LexState* s, size_t edge) {
        LexEdge& e = s->edges[edge];
        return e.to ? e.to : e.to = state(e.tail == Expressions::kEpsilon ? e.rest : expressions_.concat(e.rest, e.tail));
    }

    void prune(LexState* s) {
        if (!s->pruned) prune_now(s);
    }

    // Exact emptiness: a search for an accepting state. Only And and Not need it; sequences follow from their parts.
    bool alive(LexState* s) {
        if (s->alive >= 0) return s->alive == 1;
        const Expr e = expressions_.at(s->expr);
        if (e.op == Op::Concat || e.op == Op::Repeat) {
            s->alive = e.op == Op::Concat ? both_alive(s->expr) : alive(e.a);
            return s->alive == 1;
        }
        if (e.op == Op::Longest && e.low == Expressions::kNoBan) {
            s->alive = alive(e.a);
            return s->alive == 1;
        }
        if (e.op == Op::And && sample(s, e.b)) return true;
        std::vector<Visit> visits;
        const auto open = [this](LexState* now) {
            if (now->alive != 0) expand(now);
            return now->alive != 0;
        };
        const bool found = search(s, visits, "search for an accepted text", [](LexState* now) { return now->alive == 1; }, open);
        if (!found)
            for (const Visit& dead : visits) dead.state->alive = 0;
        for (size_t i = visits.size() - 1; found; i = visits[i].parent) {
            visits[i].state->alive = 1;
            if (i == 0) break;
        }
        return found;
    }

    bool alive(int32_t expr) {
        if (const Expr& e = expressions_.at(expr); e.sure || !e.boolean) return expr != Expressions::kEmpty;
        return alive(state(expr));
    }

    // Bytes of the shortest accepted text from `s`. Only what is worked out state by state needs a search, cut short by what
    // is known already.
    int32_t distance(LexState* s) {
        if (const int32_t known = known_distance(s); known >= 0) return s->distance = known;
        std::vector<Visit> visits;
        const auto open = [this](LexState* now) {
            prune(now);
            return true;
        };
        if (!search(s, visits, "search for the shortest text", [this](LexState* now) { return known_distance(now) >= 0; }, open))
            throw std::logic_error("distance of a dead lexer state");
        const int32_t best = visits.back().depth + known_distance(visits.back().state);
        for (size_t i = visits.size() - 1;; i = visits[i].parent) {   // all on the way to the end are at their distance
            visits[i].state->distance = best - visits[i].depth;
            if (i == 0) return s->distance;
        }
    }

    // The byte that the shortest text from a state that is not accepting begins with: the most pleasant one of those that
    // shortest texts begin with.
    uint8_t nearest_byte(LexState* s) {
        if (s->nearest_byte < 0) s->nearest_byte = static_cast<int16_t>(first_byte(s, distance(s)));
        return static_cast<uint8_t>(s->nearest_byte);
    }

    // The most pleasant byte after which `left` - 1 bytes complete the text.
    uint8_t first_byte(LexState* s, int32_t left) {
        prune(s);
        int best = -1;
        for (size_t i = 0; i < s->edges.size(); ++i) {
            const uint8_t byte = pleasant(s->edges[i].bytes);
            if ((best < 0 || rank(byte) < rank(static_cast<uint8_t>(best))) && distance(target(s, i)) == left - 1) best = byte;
        }
        if (best < 0) throw std::logic_error("no byte leads nearer to the end");
        return static_cast<uint8_t>(best);
    }

    // Order in which bytes are preferred: '0' to '~', then all others.
    static int rank(uint8_t byte) { return byte >= 0x30 && byte < 0x7f ? byte - 0x30 : byte + 0x100; }

    // A byte of the set, printable where there is one, so that shortest texts are pleasant to read.
    static uint8_t pleasant(const ByteSet& set) {
        for (int b = 0x30; b < 0x7f; ++b)
            if (set.has(static_cast<uint8_t>(b))) return static_cast<uint8_t>(b);
        int found = -1;
        set.each([&](uint8_t b) { found = found < 0 ? b : found; });
        return static_cast<uint8_t>(found);
    }

  protected:
    int64_t automaton_memory() const { return bytes_ + expressions_.memory(); }

    Limits limits_;
    Expressions expressions_;
    int64_t bytes_ = 0;

  private:
    struct Visit {
        LexState* state;
        size_t parent;
        int32_t depth;
    };

    bool both_alive(int32_t expr) {
        for (; expressions_.at(expr).op == Op::Concat; expr = expressions_.at(expr).b)
            if (!alive(expressions_.at(expr).a)) return false;
        return alive(expr);
    }

    // Whether the shortest text of some part of an intersection is in all of it: often so, and far cheaper than a search.
    bool sample(LexState* s, int32_t count) {
        for (int32_t i = 0; i < std::min(count, kSamples); ++i) {
            const Expr part = expressions_.at(expressions_.part(s->expr, i));
            if (part.vague() || part.shortest > kLongestSample) continue;
            std::vector<LexState*> way{s};
            LexState* guide = state(expressions_.part(s->expr, i));
            while (!way.back()->accepting && !guide->accepting) {
                const uint8_t byte = nearest_byte(guide);
                guide = next(guide, byte);
                LexState* to = after(way.back(), byte);
                if (!to || to->alive == 0) break;
                way.push_back(to);
                if (to->alive == 1) break;
            }
            if (!way.back()->accepting && way.back()->alive != 1) continue;
            for (LexState* on : way) on->alive = 1;
            return true;
        }
        return false;
    }

    // The same as `next`, where it does not matter whether the state after the byte is alive.
    LexState* after(LexState* s, uint8_t byte) {
        expand(s);
        for (size_t i = 0; i < s->edges.size(); ++i)
            if (s->edges[i].bytes.has(byte)) return target(s, i);
        return nullptr;
    }

    static constexpr int32_t kSamples = 8, kLongestSample = 256;   // parts, bytes

    int32_t known_distance(const LexState* s) const {
        if (s->distance >= 0 || s->accepting) return std::max(s->distance, 0);
        const Expr& e = expressions_.at(s->expr);
        return e.vague() || s->expr == Expressions::kEmpty ? -1 : e.shortest;
    }

    int32_t least_distance(const LexState* s) const {
        const int32_t known = known_distance(s);
        return known >= 0 ? known : expressions_.nearest(s->expr);
    }

    // The nearest state that is `done` is the last of `visits`, each with the one before it; false: there is none. Best first
    // (A*) by lower bounds; a state is visited again where a shorter way leads to it. Only what `open` lets pass is left again.
    template <class Done, class Open>
    bool search(LexState* s, std::vector<Visit>& visits, const char* what, Done done, Open open) {
        const int64_t before = automaton_memory();
        std::map<int32_t, std::vector<Visit>> waiting{{0, {{s, 0, 0}}}};   // by the least length of a text through them
        std::unordered_map<LexState*, int32_t> depths;
        while (!waiting.empty()) {
            const auto best = waiting.begin();
            const Visit now = best->second.back();
            best->second.pop_back();
            if (best->second.empty()) waiting.erase(best);
            auto [known, first] = depths.emplace(now.state, now.depth);
            if (!first && known->second <= now.depth) continue;
            known->second = now.depth;
            const size_t at = visits.size();
            visits.push_back(now);
            if (done(now.state)) return true;
            check_search(at, before, what);
            if (!open(now.state)) continue;
            for (size_t i = now.state->edges.size(); i-- > 0;) {
                LexState* to = target(now.state, i);
                const auto other = depths.find(to);
                if (other == depths.end() || other->second > now.depth + 1)
                    waiting[now.depth + 1 + least_distance(to)].push_back({to, at, now.depth + 1});
            }
        }
        return false;
    }

    void check_search(size_t states, int64_t before, const char* what) const {
        if (static_cast<int64_t>(states) > limits_.states) throw LimitError("states", static_cast<double>(limits_.states), what);
        if (automaton_memory() - before > limits_.working_bytes())
            throw LimitError("cache_bytes", static_cast<double>(limits_.cache_bytes), what);
    }

    void prune_now(LexState* s) {
        expand(s);
        for (size_t i = 0; i < s->edges.size(); ++i)
            if (!sure(s->edges[i])) alive(target(s, i));
        auto dead = [](const LexEdge& e) { return e.to && e.to->alive == 0; };
        s->edges.erase(std::remove_if(s->edges.begin(), s->edges.end(), dead), s->edges.end());
        for (const LexEdge& e : s->edges) {
            s->first = s->first | e.bytes;
            if (e.to == s) s->loop = s->loop | e.bytes;
        }
        if (!s->loop.empty()) s->loop_classes = ByteClasses::whole(s->loop);
        s->pruned = true;
    }

    bool sure(const LexEdge& e) const { return expressions_.at(e.rest).sure && expressions_.at(e.tail).sure; }

    void number_edges(LexState* s) {
        s->asked = INT32_MIN;
        if (s->edges.size() > UINT8_MAX) return;
        s->edge_of.reset(new uint8_t[256]());
        for (size_t i = 0; i < s->edges.size(); ++i)
            s->edges[i].bytes.each([&](uint8_t b) { s->edge_of[b] = static_cast<uint8_t>(i + 1); });
        bytes_ += 256;
    }

    // In a sequence each edge is one of its head, before the tail, or one of the tail where the head may be empty: only where
    // a byte can be of both is there more to it.
    void expand(LexState* s) {
        if (s->expanded) return;
        const Expr e = expressions_.at(s->expr);
        bool sequence = e.op == Op::Concat;
        expressions_.forget_some();
        const Partition *parts = &expressions_.derived(sequence ? e.a : s->expr), *behind = nullptr;
        if (sequence && expressions_.at(e.a).nullable) {
            behind = &expressions_.derived(e.b);
            if (any_common(*parts, *behind)) {
                parts = &expressions_.derived(s->expr);
                behind = nullptr;
                sequence = false;
            }
        }
        std::vector<LexEdge> edges;
        edges.reserve(parts->size() + (behind ? behind->size() : 0));
        EdgeIndex index(edges);
        const ByteSet& spelled = expressions_.spelled();
        const int32_t tail = sequence ? e.b : Expressions::kEpsilon, same = sequence ? e.a : s->expr;
        for (const auto& [bytes, rest] : *parts) add_edge(s, {bytes & spelled, nullptr, rest, tail}, same, index);
        if (behind)
            for (const auto& [bytes, rest] : *behind) add_edge(s, {bytes & spelled, nullptr, rest, Expressions::kEpsilon}, s->expr, index);
        if (edges.capacity() > edges.size() + kSpare) edges.shrink_to_fit();
        bytes_ += static_cast<int64_t>(edges.size() * sizeof(LexEdge));
        s->edges = std::move(edges);
        s->expanded = true;
    }

    static constexpr size_t kSpare = 8;      // edges
    static constexpr int32_t kUnknown = -2;
    static constexpr int kCharacter = 4;     // bytes
    bool marks_terminals_ = false;
    // Edges by where they lead: there are at most as many as bytes.
    class EdgeIndex {
      public:
        explicit EdgeIndex(std::vector<LexEdge>& edges) : edges_(edges) { places_.fill(-1); }

        // The edge that leads to the same as another; nullptr: there is none yet, and the next one to be added will be it.
        LexEdge* find(const LexEdge& like) {
            size_t at = mix(static_cast<uint32_t>(like.rest), static_cast<uint32_t>(like.tail)) % places_.size();
            for (; places_[at] >= 0; at = (at + 1) % places_.size())
                if (LexEdge& e = edges_[static_cast<size_t>(places_[at])]; e.rest == like.rest && e.tail == like.tail) return &e;
            places_[at] = static_cast<int16_t>(edges_.size());
            return nullptr;
        }
        void add(const LexEdge& made) { edges_.push_back(made); }

      private:
        std::vector<LexEdge>& edges_;
        std::array<int16_t, 512> places_;
    };

    // `same`: what an edge leads to that leads back to its state.
    static void add_edge(LexState* s, LexEdge made, int32_t same, EdgeIndex& edges) {
        if (made.bytes.empty()) return;   // no text can go on so
        if (LexEdge* known = edges.find(made)) {
            known->bytes = known->bytes | made.bytes;
            return;
        }
        if (made.rest == same) made.to = s;
        edges.add(made);
    }

    static bool any_common(const Partition& left, const Partition& right) {
        ByteSet bytes;
        for (const auto& part : left) bytes = bytes | part.first;
        return std::any_of(right.begin(), right.end(), [&](const auto& part) { return !(bytes & part.first).empty(); });
    }

    static constexpr size_t kFewEdges = 6;   // up to here looking at each beats a table
    static constexpr int32_t kOften = 600;   // edges that are looked at before the table is worth it

    Paged<LexState, 6> states_;
    Paged<LexState*> by_expr_;
};

}  // namespace guidedgen
