// How far text is read from a state before anything can go wrong, or end: a tree of tokens that is no deeper, or lacks a byte
// without which nothing goes wrong, is taken whole.
#pragma once

#include "text_regions.h"

namespace guidedgen {

class TextSafety : public TextRegions {
  public:
    using TextRegions::TextRegions;

  protected:
    // Whether every text of at most so many characters, all of them from `bytes`, can be read from a state, and goes on.
    // Otherwise `nodes` have to be walked: more work is not worth it.
    bool safe(LexState* s, int depth, const ByteSet& bytes, size_t nodes) {
        if (known_safe(s, depth) || (s->safety && !s->safety->needed.subset_of(bytes))) return true;
        if (s->safety_known || !worth_looking(s->safety_looked, nodes)) return false;
        find_safety(s, static_cast<int64_t>(nodes) / 2);
        return known_safe(s, depth) || (s->safety && !s->safety->needed.subset_of(bytes));
    }

    // The same where only what is known already is looked at.
    static bool known_safe(const LexState* s, int depth) { return s->safety && s->safety->characters >= depth; }

  private:
    static constexpr size_t kMostStates = 96;
    static constexpr int kNever = 1000;

    void find_safety(LexState* s, int64_t work) {
        if (s->accepting || !(text_bytes() & expressions_.spelled()).subset_of(first(s))) {
            s->safety_known = true;
            return;
        }
        std::vector<LexState*> met{s};
        s->met = ++searches_;
        int level = 0;
        size_t end = 1;   // of the states that so many characters lead to
        bool fails = false;
        for (size_t i = 0; i < met.size(); ++i) {
            if (i == end) {
                end = met.size();
                level += !fails;
            }
            expressions_.spend(kEach);
            if (met.size() > kMostStates || (work -= price(met[i])) < 0) return remember(s, level, met);
            const Steps& steps = steps_of(met[i]);
            fails |= !steps.failing.empty();
            for (const auto& [by, to] : steps.leading) {
                fails |= to->accepting;
                if (to->accepting || to->met == searches_) continue;
                to->met = searches_;
                met.push_back(to);
            }
        }
        settle(met);
    }

    // Where too many states can be reached for more than a bound.
    void remember(LexState* s, int level, std::vector<LexState*>& met) {
        if (level == 0 || known_safe(s, level)) return;
        s->safety = &safeties_.emplace_back(Safety{level, ByteSet(), keep(met)});
        bytes_ += sizeof(Safety);
    }

    Region* keep(std::vector<LexState*>& met) {
        bytes_ += static_cast<int64_t>(sizeof(Region) + met.size() * sizeof(LexState*));
        regions_.push_back({std::move(met)});
        return &regions_.back();
    }

    // All that can be reached is known: how far each state is from failing, and what every way there needs.
    void settle(std::vector<LexState*>& met) {
        std::vector<Safety> found(met.size(), {kNever, ByteSet::all(), nullptr});
        std::unordered_map<const LexState*, size_t> index;
        for (size_t i = 0; i < met.size(); ++i) index.emplace(met[i], i);
        for (bool changed = true; changed;) {
            changed = false;
            for (size_t i = met.size(); i-- > 0;) {
                Safety now{kNever, ByteSet::all(), nullptr};
                const Steps& steps = steps_of(met[i]);
                if (!steps.failing.empty()) take(now, steps.failing, {-1, ByteSet(), nullptr});
                for (const auto& [by, to] : steps.leading) {
                    if (to->accepting) take(now, by, {-1, ByteSet(), nullptr});
                    else if (const Safety& there = found[index.at(to)]; there.characters < kNever) take(now, by, there);
                }
                if (now.characters == found[i].characters && now.needed == found[i].needed) continue;
                found[i] = now;
                changed = true;
            }
        }
        Region* all = nullptr;
        for (size_t i = 0; i < met.size(); ++i) {
            if (met[i]->safety_known) continue;
            met[i]->safety_known = true;
            if (found[i].characters == 0 && found[i].needed.empty()) continue;
            met[i]->safety = &safeties_.emplace_back(found[i]);
            bytes_ += sizeof(Safety);
        }
        all = keep(met);
        for (LexState* m : all->states)
            if (m->safety && !m->safety->around) m->safety->around = all;
    }

    static void take(Safety& now, const ByteSet& by, const Safety& there) {
        now.characters = std::min(now.characters, there.characters + 1);
        now.needed = now.needed & (by.count() == 1 ? there.needed | by : there.needed);
    }

    static const ByteSet& text_bytes() {
        static const ByteSet bytes = TextTokens::plain() | TextTokens::leads();
        return bytes;
    }

    static constexpr int64_t kEach = 16;   // steps that a state met counts for

    std::deque<Safety> safeties_;
};

}  // namespace guidedgen
