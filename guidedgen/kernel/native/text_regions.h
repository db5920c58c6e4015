// States from which text is read on and on: characters lead back to them, or to a few others of which the same is true.
//
// Which tokens of plain text can be read in such a state needs no walk, but for those with a character that leads elsewhere.
#pragma once

#include <functional>

#include "automaton.h"
#include "text_tokens.h"

namespace guidedgen {

class TextRegions : public Automaton {
  public:
    TextRegions(const Limits& limits, std::shared_ptr<const TextTokens> text, const ByteSet& spelled) : Automaton(limits, spelled), text_(std::move(text)) {}

    const std::shared_ptr<const TextTokens>& text() const { return text_; }

  protected:
    // Whether characters beyond ASCII lead back to a state, byte by byte through states of their own.
    bool characters(LexState* s) {
        if (s->characters < 0) s->characters = !s->loop.has(0xC3) && loops_on_characters(s, s);
        return s->characters == 1;
    }

    // The same of the characters that some of the bytes begin with.
    bool characters(LexState* s, const ByteSet& bytes) {
        if (characters(s)) return true;
        if (expressions_.at(s->expr).op != Op::Longest || s->loop.has(0xC3)) return false;   // others would not gain by it
        const auto known = leads_.find(s);
        const ByteSet& back = known != leads_.end() ? known->second : leads_.emplace(s, leads(s, s)).first->second;
        return beyond_ascii(bytes).subset_of(back);
    }

    bool written(int byte) const { return expressions_.spelled().has(static_cast<uint8_t>(byte)); }

    static ByteSet beyond_ascii(ByteSet bytes) {
        bytes.w[0] = bytes.w[1] = 0;
        bytes.w[2] = 0;   // what goes on with a character
        return bytes;
    }

    // The bytes that begin characters beyond ASCII all of which lead from one state to another, through states that accept nothing.
    ByteSet leads(LexState* from, LexState* target) {
        std::map<std::pair<LexState*, int>, bool> known;
        const std::function<bool(LexState*, int)> all = [&](LexState* now, int within) {
            if (within == 0 || !now || now->accepting) return within == 0 && now == target;
            const auto met = known.emplace(std::make_pair(now, within), true);
            if (!met.second) return met.first->second;
            bool good = true;
            for (int b = 0x80; b < 0xC0 && good; ++b)
                if (const int to = utf8_step(within, static_cast<uint8_t>(b)); to >= 0 && written(b)) good = all(next(now, static_cast<uint8_t>(b)), to);
            return known[{now, within}] = good;
        };
        ByteSet found;
        for (int b = 0xC2; b < 0xF5; ++b)
            if (!written(b) || all(next(from, static_cast<uint8_t>(b)), utf8_step(0, static_cast<uint8_t>(b)))) found.add(static_cast<uint8_t>(b));
        return found;
    }

    // The bytes that characters of plain text begin with after which reading may end, fail or leave the region, where those
    // are few; nullptr for states with many. `nodes` would have to be walked otherwise: more work is not worth it.
    const ByteSet* leaving(LexState* s, size_t nodes) {
        if (s->textual < 1 && worth_looking(s->looked, nodes)) find_leaving(s, static_cast<int64_t>(nodes) / 2 + kLeast);
        return known_leaving(s);
    }
    static const ByteSet* known_leaving(const LexState* s) { return s->textual == 1 ? &s->leaving : nullptr; }

    // Whether there is much more to gain than when it was last looked.
    static bool worth_looking(uint32_t& looked, size_t nodes) {
        if (nodes < size_t{looked} * 8) return false;
        looked = static_cast<uint32_t>(nodes);
        return true;
    }

    // What it costs to go on from a state, in nodes that could be walked instead: states that text leads to have about as many
    // edges as the one before.
    int64_t price(const LexState* s) const {
        return steps_.count(s->id) ? kKnown : kFresh * (1 + static_cast<int64_t>(s->expanded ? s->edges.size() : width_) / kWide);
    }

    // Whether every character beyond ASCII leads from one state to another, through states that accept nothing.
    bool loops_on_characters(LexState* from, LexState* target) {
        std::array<LexState*, 8> at{};   // by state of utf8_step, those within a character
        std::array<int, 8> order{};
        size_t known = 1;
        for (size_t i = 0; i < known; ++i)
            for (int b = 0x80; b < 0x100; ++b) {
                const int to = utf8_step(order[i], static_cast<uint8_t>(b));
                if (to < 0 || !written(b)) continue;
                LexState* now = next(order[i] == 0 ? from : at[order[i]], static_cast<uint8_t>(b));
                if (to == 0 && now != target) return false;
                if (to == 0) continue;
                if (!now || now->accepting || (at[to] && at[to] != now)) return false;
                if (!at[to]) {
                    at[to] = now;
                    order[known++] = to;
                }
            }
        return true;
    }

    // Where whole characters lead from a state, by the byte that they begin with.
    struct Steps {
        ByteSet failing;
        std::vector<std::pair<ByteSet, LexState*>> leading;
    };

    const Steps& steps_of(LexState* s) {
        auto [known, fresh] = steps_.try_emplace(s->id);
        Steps& steps = known->second;
        if (!fresh) return steps;
        prune(s);
        width_ = s->edges.size();
        const ByteSet plain = TextTokens::plain() & expressions_.spelled();
        steps.failing = plain - s->first;
        for (size_t e = 0; e < s->edges.size(); ++e)
            if (const ByteSet common = s->edges[e].bytes & plain; !common.empty()) steps.leading.emplace_back(common, target(s, e));
        for (const Group& g : groups()) {
            if (g.from != 0) continue;
            steps.failing = steps.failing | ((g.bytes & expressions_.spelled()) - s->first);
            for (size_t e = 0; e < s->edges.size(); ++e) {
                const ByteSet common = s->edges[e].bytes & g.bytes;
                if (!common.empty() && !within(target(s, e), g.to, common, steps)) steps.failing = steps.failing | common;
            }
        }
        bytes_ += static_cast<int64_t>(sizeof(Steps) + 64 + steps.leading.size() * sizeof(steps.leading[0]));
        return steps;
    }

    // The same in the midst of a character; false where it cannot be finished.
    bool within(LexState* s, int at, const ByteSet& by, Steps& steps) {
        if (at == 0) {
            auto same = [&](const auto& known) { return known.second == s; };
            auto known = std::find_if(steps.leading.begin(), steps.leading.end(), same);
            if (known == steps.leading.end()) steps.leading.emplace_back(by, s);
            else known->first = known->first | by;
            return true;
        }
        if (s->accepting) return false;
        prune(s);
        for (const Group& g : groups()) {
            if (g.from != at) continue;
            if (!(g.bytes & expressions_.spelled()).subset_of(s->first)) return false;
            for (size_t e = 0; e < s->edges.size(); ++e)
                if (!(s->edges[e].bytes & g.bytes).empty() && !within(target(s, e), g.to, by, steps)) return false;
        }
        return true;
    }

    std::shared_ptr<const TextTokens> text_;
    int64_t visited_ = 0;   // nodes, by all walks
    uint64_t searches_ = 0;
    std::deque<Region> regions_;

  private:
    // Characters by how many bytes they have and what these may be, as in utf8_step: the bytes that lead from one state of
    // it to another.
    struct Group {
        int from, to;
        ByteSet bytes;
    };
    static const std::vector<Group>& groups() {
        static const std::vector<Group> all = [] {
            std::vector<Group> made;
            for (int from = 0; from < 8; ++from)
                for (int b = 0x80; b < 0x100; ++b) {
                    const int to = utf8_step(from, static_cast<uint8_t>(b));
                    if (to < 0) continue;
                    auto same = [&](const Group& g) { return g.from == from && g.to == to; };
                    auto at = std::find_if(made.begin(), made.end(), same);
                    if (at == made.end()) at = made.insert(made.end(), {from, to, {}});
                    at->bytes.add(static_cast<uint8_t>(b));
                }
            return made;
        }();
        return all;
    }

    static constexpr int kMostLeaving = 40;       // bytes of ASCII that lead elsewhere from a state of text
    static constexpr size_t kMostStates = 160;    // of a region
    static constexpr int kMostTries = 12;
    static constexpr int64_t kKnown = 8, kFresh = 128, kLeast = 500;   // in nodes of a walk
    static constexpr int64_t kWide = 4;   // edges
    static constexpr int32_t kFarCounts = 24;     // bytes: counts up to there make no region too large

    // A state that text leads to, and the bytes that it was first come to by.
    struct Met {
        LexState* state;
        ByteSet by;
    };

    void find_leaving(LexState* s, int64_t work) {
        s->textual = 0;
        if (s->accepting) return;
        const Expr& e = expressions_.at(s->expr);
        if (!e.vague() && expressions_.takes_any_text(s->expr, ByteSet::single('"'))) {
            s->textual = 1;
            return;
        }
        if ((TextTokens::plain() - first(s)).count() > kMostLeaving) return;
        const size_t most = e.reach > kFarCounts ? 1 : kMostStates;
        ByteSet without;
        std::vector<Met> met;
        for (int tries = 0; !closed(s, most, work, without, met); ++tries)
            if (work < 0 || tries == kMostTries || (without & TextTokens::plain()).count() > kMostLeaving) return;
        settle(s, without, met);
    }

    // Finds all states that text leads to. False where one of them fails, or they are too many: some bytes more are to be
    // left out.
    bool closed(LexState* s, size_t most, int64_t& work, ByteSet& without, std::vector<Met>& met) {
        met.assign(1, {s, {}});
        s->met = ++searches_;
        for (size_t i = 0; i < met.size(); ++i) {
            expressions_.spend(kKnown);
            if ((work -= price(met[i].state)) < 0) return false;
            const ByteSet bad = follow(met[i].state, without, met);
            if (bad.empty() && met.size() <= most) continue;
            without = without | leave_out(i, bad, met);
            return false;
        }
        return true;
    }

    void settle(LexState* s, const ByteSet& without, const std::vector<Met>& met) {
        s->textual = 1;
        s->leaving = without;
        if (met.size() == 1) return;
        regions_.emplace_back();
        const ByteSet inside = TextTokens::plain() - without;
        for (const Met& m : met) {
            regions_.back().states.push_back(m.state);
            if (m.state != s && (m.state->textual == 1 || inside.subset_of(m.state->loop))) continue;   // it can do with less left out
            m.state->textual = 1;
            m.state->leaving = without;
            m.state->region = &regions_.back();
        }
        bytes_ += static_cast<int64_t>(sizeof(Region) + met.size() * sizeof(LexState*));
    }

    // Adds the states that characters lead to; the bytes with which that fails.
    ByteSet follow(LexState* s, const ByteSet& without, std::vector<Met>& met) {
        const Steps& steps = steps_of(s);
        ByteSet bad = steps.failing - without;
        for (const auto& [bytes, to] : steps.leading) {
            const ByteSet by = bytes - without;
            if (by.empty()) continue;
            if (to->accepting) bad = bad | by;
            else if (to->met != searches_) met.push_back({to, by});
            to->met = searches_;
        }
        return bad;
    }

    // What is left out where something fails after a state: the bytes with which it does, or those that lead to the state,
    // whichever fewer tokens have.
    ByteSet leave_out(size_t i, const ByteSet& bad, const std::vector<Met>& met) const {
        if (i == 0 && !bad.empty()) return bad;
        const ByteSet& by = bad.empty() ? met.back().by : met[i].by;
        return bad.empty() || text_->places(by) < text_->places(bad) ? by : bad;
    }

    std::unordered_map<int32_t, Steps> steps_;   // memo of steps_of
    size_t width_ = 0;   // edges of the last state that was asked for
    std::unordered_map<LexState*, ByteSet> leads_;   // memo of `leads` from a state back to it
};

}  // namespace guidedgen
