// Masks under a budget: the tokens after which the shortest completion takes few enough tokens.
//
// The bytes of a completion bound its tokens, and what a position costs after any allowed token is bounded by what its
// terminals can lead to and by what tokens that cross their ends reach; where that bound fits, the mask is the plain one.
// Elsewhere the tokens are grouped, once per position, by the position that they lead to, and each group is decided.
#pragma once

#include <unordered_set>

#include "shortest.h"

namespace guidedgen {

class Budget {
  public:
    Budget(Arena& arena, const Trie& trie, const Limits& limits)
        : arena_(arena), trie_(trie), shortest_(arena, trie, limits) {}

    void fill(Position* p, int64_t budget, uint32_t* out, size_t words) {
        if (budget > 0 && worst(p, budget) < budget) return TokenSets::write(arena_.mask(p), out, words);
        std::memset(out, 0, words * 4);
        if (budget <= 0) return;
        for (auto& [next, tokens] : choices(p).groups)
            if (fits(next, budget - 1)) add(tokens, out, words);
    }

  private:
    static constexpr int64_t kSlack = 16;

    // A group while it grows.
    struct Group {
        const std::vector<uint32_t>* base = nullptr;
        std::vector<int32_t> tokens;
    };
    using Groups = std::unordered_map<Position*, Group>;

    bool fits(Position* p, int64_t tokens) {
        if (arena_.rows().symbols().lexes()) return shortest_.cost(p->front) <= (trie_.spells_text ? tokens : -1) || shortest_.need(p) <= tokens;
        const bool certain = !p->front.registers && !costs_are_bounds();
        if (certain && p->need < 0 && trie_.spells_text && (shortest_.cost(p->front) <= tokens || bound(p->front) <= tokens)) return true;
        return shortest_.need(p) <= tokens;
    }

    // Tokens of a completion, spelled with a cut where the terminal that is being read ends. All ways that are shortest in
    // bytes are looked at, as any of them may be the one that is spelled.
    int64_t bound(const Front& front) {
        const int64_t cost = shortest_.cost(front);
        int64_t most = 0;
        for (const Reading& r : front.reading)
            if (shortest_.cost(r) == cost) most = std::max(most, arena_.lexer().distance(r.state) + need(arena_.rows().after(r.row, r.index)));
        Row* row = front.between;
        return row && arena_.rows().cost(row) == cost ? std::max(most, need(row)) : most;
    }

    int64_t need(Row* row) {
        Front front;
        front.between = row;
        return shortest_.need(arena_.intern(front));
    }

    enum Unit { kBytes, kTokens };

    // A bound on the tokens that any allowed token leaves to come: their bytes, or where that is too many, tokens. kFar
    // where single bytes may need more than one token.
    int64_t worst(Position* p, int64_t budget) {
        int64_t known = p->worst.load(std::memory_order_relaxed);
        if (known >= 0 && (known < budget || p->in_tokens)) return known;
        if (arena_.rows().symbols().lexes()) return worst_obliged(p);
        known = trie_.spells_text ? worst(p, kBytes) : kFar;
        p->in_tokens = known >= budget;
        if (p->in_tokens && trie_.spells_text) known = std::min(known, worst(p, kTokens));
        known = std::min(kFar, known + slack(p->front, known));
        arena_.mask(p);   // whoever reads `worst` without a lock finds the mask as well
        p->worst.store(known, std::memory_order_release);
        return known;
    }

    // Where terminals oblige what follows: costs without obligations, each terminal by what they can make it longer.
    int64_t worst_obliged(Position* p) {
        Viability& viability = arena_.viability();
        int64_t known = trie_.spells_text && viability.always() ? worst(p, kBytes) : kFar;
        known = std::min(kFar, far_times(known, 1 + viability.gap()) + viability.gap());
        p->in_tokens = true;
        arena_.mask(p);   // whoever reads `worst` without a lock finds the mask as well
        p->worst.store(known, std::memory_order_release);
        return known;
    }

    // How much longer completions may be than costs say, which know nothing of the names that came in an object: a name that
    // is still to come, or the end of the one that is being read, may have to be a longer one than the shortest. These are
    // generous estimates for usual schemas; where less than that is left, each group of tokens is decided by itself.
    int64_t slack(const Front& front, int64_t worst) {
        if (!arena_.rows().symbols().has_json()) return 0;
        int64_t bytes = kSlack;
        if (front.registers) bytes += 16 * kSlack;
        return costs_are_bounds() ? bytes + 3 * worst : bytes;
    }

    bool costs_are_bounds() {
        Symbols& symbols = arena_.rows().symbols();
        return symbols.has_json() && symbols.json().demands_different();
    }

    int64_t worst(Position* p, Unit unit) {
        int64_t most = 0;
        for (const Reading& r : p->front.reading) most = std::max(most, through(r.state, r.row, r.index, unit));
        return p->front.between ? std::max(most, worst(p->front.between, unit)) : most;
    }

    int64_t worst(Row* row, Unit unit) {
        if (const int64_t known = bounds(row).worst[unit]; known >= 0) return known;
        Rows& rows = arena_.rows();
        rows.close(row);
        int64_t most = 0;
        for (uint32_t i = 0; i < row->terminals.size(); ++i)
            most = std::max(most, through(row->terminals[i].start, row, i, unit));
        for (const ExpectedTokens& e : row->tokens) most = std::max(most, rest(rows.make(e.after), unit));
        return bounds(row).worst[unit] = most;
    }

    static RowBounds& bounds(Row* row) { return *(row->bounds ? row->bounds : row->bounds = std::make_unique<RowBounds>()); }

    int64_t rest(Row* row, Unit unit) { return unit == kBytes ? arena_.rows().cost(row) : need(row); }
    int64_t rest(const Front& front, Unit unit) { return unit == kBytes ? plain_cost(front) : bound(front); }

    // What a position costs, obligations apart.
    int64_t plain_cost(const Front& front) {
        if (!arena_.rows().symbols().lexes()) return shortest_.cost(front);
        int64_t best = front.between ? arena_.rows().cost(front.between) : kFar;
        for (const Reading& r : front.reading)
            best = std::min(best, arena_.lexer().distance(r.state) + arena_.rows().cost(behind(r.state, r.row, r.index)));
        return best;
    }

    // The row behind a terminal, where it ends first.
    Row* behind(LexState* state, Row* row, uint32_t index) {
        if (!arena_.rows().symbols().lexes()) return arena_.rows().after(row, index);
        const auto& ends = arena_.viability().ends(state);
        return arena_.rows().after(row, index, ends.empty() ? -1 : ends.front().obligation);
    }

    // The same for tokens that go on reading a terminal, or end it and go on in the row behind it.
    int64_t through(LexState* state, Row* row, uint32_t index, Unit unit) {
        return through(arena_.lexer().mask(state), state, row, index, 0, unit);
    }

    // `depth` as in Arena::cross.
    int64_t through(LexMask& part, LexState* state, Row* row, uint32_t index, size_t depth, Unit unit) {
        if (!arena_.lexer().can_continue(state)) return 0;
        int64_t most = std::min(kFar, arena_.lexer().farthest(state, part) + rest(behind(state, row, index), unit));
        part.each_end([&](uint32_t at, int32_t left) {
            most = std::max(most, crossing(part, at, arena_.rows().after(row, index, left), depth, unit));
        });
        return most;
    }

    // Tokens that cross the end of a terminal into `row`.
    int64_t crossing(LexMask& part, uint32_t at, Row* row, size_t depth, Unit unit) {
        const Remainder* ends = &part.remainders[at];
        for (const auto& entry : bounds(row).crossing[unit])
            if (entry.first == ends) return entry.second;
        Front start;
        start.between = row;
        const int64_t most = cross(part, at, start, depth, unit);
        bounds(row).crossing[unit].emplace_back(ends, most);
        return most;
    }

    int64_t cross(LexMask& part, uint32_t at, const Front& front, size_t depth, Unit unit) {
        if (fronts_.size() <= depth) fronts_.emplace_back();
        const ByteSet first = arena_.allowed(front);
        int64_t most = 0;
        for (const auto& [byte, child] : arena_.lexer().children(part, at)) {
            if (!first.has(byte)) continue;
            Front& next = fronts_[depth];
            arena_.step(front, byte, next);
            const auto& at_nodes = arena_.lexer().nodes_of(part.remainders[child]);
            if (std::any_of(at_nodes.begin(), at_nodes.end(), [&](uint32_t n) { return trie_.nodes[n].ntok > 0; }))
                most = std::max(most, rest(next, unit));
            const bool many = Lexer::many_below(arena_.lexer().listed(part, child));
            most = std::max(most, many ? cross_whole(part, child, next, depth, unit) : cross(part, child, next, depth + 1, unit));
        }
        return most;
    }

    int64_t cross_whole(LexMask& part, uint32_t at, Front& front, size_t depth, Unit unit) {
        const std::vector<Reading> reading = std::move(front.reading);
        front.reading.clear();
        Front boundary;
        boundary.between = front.between;
        int64_t most = boundary.between ? cross(part, at, boundary, depth + 1, unit) : 0;
        for (const Reading& r : reading) {
            most = std::max(most, through(arena_.lexer().below(part, at, r.state), r.state, r.row, r.index, depth + 1, unit));
        }
        return most;
    }

    Choices& choices(Position* p) {
        if (p->choices) return *p->choices;
        Groups groups;
        stack_.resize(static_cast<size_t>(trie_.longest) + 1);
        stack_[0] = p->front;
        named_.clear();
        if (p->front.between) group_named(p, groups);
        const bool several = p->front.between || p->front.reading.size() != 1 || p->front.reading[0].left >= 0;
        const Content* content = several ? nullptr : arena_.lexer().content(p->front.reading[0].state);
        if (content) group_around(p, content->whole(trie_), groups);
        else
            arena_.allowed(p->front).each([&](uint8_t b) {
                if (uint32_t node = trie_.root_child[b]) group_nodes(node, trie_.nodes[node].skip, groups);
            });
        p->choices = std::make_unique<Choices>(finished(groups));
        return *p->choices;
    }

    // Tokens that the grammar names may stand between terminals; one that has bytes may be read as either.
    void group_named(Position* p, Groups& groups) {
        Row* row = p->front.between;
        arena_.viability().settle(row);
        for (const ExpectedTokens& e : row->tokens)
            for (int32_t t : arena_.rows().symbols().token_list(e.list)) named_.insert(t);
        for (int32_t t : named_) groups[arena_.advance_special(p, t)].tokens.push_back(t);
    }

    void group_nodes(uint32_t from, uint32_t to, Groups& groups) {
        for (uint32_t i = from; i < to;) i = enter(i, groups) ? i + 1 : trie_.nodes[i].skip;
    }

    // From a position that most characters lead back to.
    void group_around(Position* p, const Content::Whole& whole, Groups& groups) {
        groups[p].base = &whole.dense;
        for (size_t k = 0; k < whole.others.size();) {
            const Odd& odd = whole.others[k];
            k = enter(odd.node, groups, &whole.dense) ? k + 1 : odd.skip;
        }
    }

    // Steps to a trie node from the one above it and groups the tokens that end there; false where it is not allowed.
    bool enter(uint32_t at, Groups& groups, const std::vector<uint32_t>* done = nullptr) {
        const TrieNode& node = trie_.nodes[at];
        Front& now = stack_[node.depth];
        arena_.step(stack_[node.depth - 1], node.byte, now);
        if (now.dead()) return false;
        Position* next = nullptr;
        for (uint32_t r = node.tok; r < node.tok + node.ntok; ++r) {
            const int32_t token = trie_.tokens[r];
            if (done && ((*done)[token >> 5] >> (token & 31)) & 1) continue;
            if (!next) {
                Front ended = now;
                if (!arena_.end_token(ended)) break;
                next = arena_.intern(ended);
            }
            if (named_.count(token)) read_either(token, next, groups);
            else groups[next].tokens.push_back(token);
        }
        return true;
    }

    void read_either(int32_t token, Position* by_bytes, Groups& groups) {
        for (auto& entry : groups) {
            auto& tokens = entry.second.tokens;
            auto found = std::find(tokens.begin(), tokens.end(), token);
            if (found == tokens.end()) continue;
            tokens.erase(found);
            groups[arena_.either(by_bytes, entry.first)].tokens.push_back(token);
            return;
        }
    }

    Choices finished(Groups& groups) {
        Choices result;
        for (auto& [next, group] : groups) {
            if (!group.base && group.tokens.empty()) continue;
            TokenSet set;
            set.base = group.base;
            if (group.tokens.size() > arena_.words()) {   // a bit set takes less
                set.owned = group.base ? *group.base : std::vector<uint32_t>(arena_.words(), 0);
                for (int32_t t : group.tokens) set.owned[t >> 5] |= 1u << (t & 31);
            } else {
                set.extra = std::move(group.tokens);
            }
            arena_.rows().charge(static_cast<int64_t>(set.owned.size() * 4 + set.extra.capacity() * 4 + sizeof(TokenSet) + 64));
            result.groups.emplace_back(next, std::move(set));
        }
        return result;
    }

    static void add(const TokenSet& set, uint32_t* out, size_t words) {
        if (const std::vector<uint32_t>* base = set.owned.empty() ? set.base : &set.owned)
            for (size_t i = 0; i < words; ++i) out[i] |= (*base)[i];
        for (int32_t t : set.extra) out[t >> 5] |= 1u << (t & 31);
    }

    Arena& arena_;
    const Trie& trie_;
    Shortest shortest_;
    std::deque<Front> fronts_;   // scratch of `cross` by depth
    std::vector<Front> stack_;   // scratch of `choices` by depth in the trie
    std::unordered_set<int32_t> named_;   // tokens that the grammar names here
};

}  // namespace guidedgen
