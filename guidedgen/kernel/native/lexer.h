// Lexeme automata and their share of the token mask, lazily built and shared by all grammars of one vocabulary.
//
// A LexState is an expression together with its transitions. For each one the token trie is walked at most once:
// the tokens that stay inside the lexeme, and what stands after its end in tokens that cross it (the remainders).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "content.h"
#include "expressions.h"

namespace guidedgen {

// What follows the end of a lexeme inside tokens: equal remainders of different tokens share a node. Children come into
// being when some structure can read up to them, since most continuations never fit.
struct Remainder {
    uint8_t byte = 0;
    bool expanded = false;
    std::vector<uint32_t> trie_nodes;
    std::vector<uint32_t> children;   // sorted by byte
    std::vector<std::pair<const struct LexState*, std::unique_ptr<struct LexMask>>> below;   // memo of Lexer::below
};

// What the vocabulary looks like from one lexer state.
struct LexMask {
    std::vector<uint32_t> dense;         // bit set of the tokens inside, or empty when `list` holds them
    std::vector<int32_t> list;
    std::deque<Remainder> remainders;    // [0]: the ends themselves; empty where no token crosses
};

struct LexState {
    int32_t id = 0, expr = 0;
    bool accepting = false;
    bool expanded = false;    // transitions are there
    bool pruned = false;      // transitions into empty languages are gone
    int8_t alive = -1;        // 1: some text is accepted from here, 0: none, -1: not known yet
    uint16_t group[256];      // byte -> index into `to`
    std::vector<LexState*> to;         // to[0] = nullptr: no transition
    std::vector<ByteSet> sets;         // bytes of each group
    ByteSet first;                     // bytes with a transition
    ByteSet loop;                      // bytes that lead back here
    LexState* clamped = nullptr;       // the state whose mask this one shares
    const Content* content = nullptr;  // tokens that lead from here back to here, where those are many
    bool content_known = false;
    std::unique_ptr<LexMask> mask;
    int32_t distance = -1;             // bytes of the shortest accepted text; -1: not computed
    LexState* nearest = nullptr;       // next state on it
    uint8_t nearest_byte = 0;
};

class Lexer {
  public:
    Lexer(std::shared_ptr<const Trie> trie, const Limits& limits)
        : trie_(std::move(trie)), limits_(limits), expressions_(limits), contents_(trie_) {}

    Expressions& expressions() { return expressions_; }
    const Trie& trie() const { return *trie_; }
    std::mutex& mutex() { return mutex_; }
    int64_t memory() const { return bytes_ + expressions_.memory() + contents_.memory(); }
    int64_t states() const { return static_cast<int64_t>(states_.size()); }
    int64_t visited() const { return visited_; }

    LexState* state(int32_t expr) {
        auto found = by_expr_.find(expr);
        if (found != by_expr_.end()) return found->second;
        states_.emplace_back();
        LexState* s = &states_.back();
        s->id = static_cast<int32_t>(states_.size()) - 1;
        s->expr = expr;
        const Expr& e = expressions_.at(expr);
        s->accepting = e.nullable;
        if (e.nullable || (!e.boolean && expr != Expressions::kEmpty)) s->alive = 1;
        if (expr == Expressions::kEmpty) s->alive = 0;
        by_expr_.emplace(expr, s);
        bytes_ += sizeof(LexState) + 64;
        return s;
    }

    LexState* next(LexState* s, uint8_t byte) {
        prune(s);
        return s->to[s->group[byte]];
    }

    const ByteSet& first(LexState* s) {
        prune(s);
        return s->first;
    }

    // Whether any non-empty text continues from here.
    bool can_continue(LexState* s) {
        prune(s);
        return s->to.size() > 1;
    }

    void prune(LexState* s) {
        if (s->pruned) return;
        expand(s);
        for (size_t g = 1; g < s->to.size();) {
            if (alive(s->to[g])) {
                ++g;
                continue;
            }
            s->to.erase(s->to.begin() + g);
            s->sets.erase(s->sets.begin() + g);
        }
        std::memset(s->group, 0, sizeof s->group);
        for (size_t g = 1; g < s->to.size(); ++g) {
            s->first = s->first | s->sets[g];
            s->sets[g].each([&](uint8_t b) { s->group[b] = static_cast<uint16_t>(g); });
            if (s->to[g] == s) s->loop = s->sets[g];
        }
        s->pruned = true;
    }

    // Exact emptiness: a search for an accepting state. Only expressions with And or Not need it.
    bool alive(LexState* s) {
        if (s->alive >= 0) return s->alive == 1;
        Ways ways;
        const auto open = [this](LexState* now) {
            if (now->alive != 0) expand(now);
            return now->alive != 0;
        };
        LexState* end = search(s, ways, "search for an accepted text", [](LexState* now) { return now->alive == 1; }, open);
        for (LexState* p = end; p; p = ways[p].before) p->alive = 1;
        if (!end)
            for (auto& dead : ways) dead.first->alive = 0;
        return end != nullptr;
    }

    // Bytes of the shortest accepted text from `s`, with the way to it memoised.
    int32_t distance(LexState* s) {
        if (s->distance >= 0) return s->distance;
        Ways ways;
        const auto open = [this](LexState* now) {
            prune(now);
            return true;
        };
        LexState* end = search(s, ways, "search for the shortest text", [](LexState* now) { return now->accepting; }, open);
        if (!end) throw std::logic_error("distance of a dead lexer state");
        int32_t steps = end->distance = 0;
        for (LexState* p = end; LexState* before = ways[p].before; p = before) {
            before->distance = ++steps;
            before->nearest = p;
            before->nearest_byte = ways[p].byte;
        }
        return steps;
    }

    // A byte of the set, printable where there is one, so that shortest texts are pleasant to read.
    static uint8_t pleasant(const ByteSet& set) {
        for (int b = 0x30; b < 0x7f; ++b)
            if (set.has(static_cast<uint8_t>(b))) return static_cast<uint8_t>(b);
        int found = -1;
        set.each([&](uint8_t b) { found = found < 0 ? b : found; });
        return static_cast<uint8_t>(found);
    }

    LexMask& mask(LexState* s) {
        if (!s->clamped) s->clamped = counts_matter(s, trie_->longest) ? state(expressions_.clamp(s->expr, trie_->longest)) : s;
        LexState* owner = s->clamped;
        if (!owner->mask) {
            auto made = std::make_unique<LexMask>();
            if (trie_->longest > kShortToken && counts_matter(owner, kShortToken)) {
                adapt(mask(state(expressions_.clamp(owner->expr, kShortToken))), owner, *made);
            } else {
                walk(owner, *made);
            }
            owner->mask = std::move(made);
        }
        return *owner->mask;
    }

    // Tokens that go on below a remainder of `mask`, read from `s` there; where they cross the end again is in it, too.
    LexMask& below(LexMask& mask, uint32_t at, LexState* s) {
        auto& known = mask.remainders[at].below;
        for (auto& entry : known)
            if (entry.first == s) return *entry.second;
        auto made = std::make_unique<LexMask>();
        Found found;
        found.stack.resize(trie_->longest + 1);
        for (uint32_t node : mask.remainders[at].trie_nodes) {
            found.stack[trie_->nodes[node].depth] = s;
            walk_nodes(node + 1, trie_->nodes[node].skip, found);
        }
        finish(found, *made);
        known.emplace_back(s, std::move(made));
        return *known.back().second;
    }

    // Nodes below a remainder: whether working `below` out for it is worth the memory.
    bool many_below(const LexMask& mask, uint32_t at) const {
        size_t nodes = 0;
        for (uint32_t node : mask.remainders[at].trie_nodes) nodes += trie_->nodes[node].skip - node - 1;
        return nodes >= kManyBelow;
    }

    const std::vector<uint32_t>& children(LexMask& mask, uint32_t at) {
        Remainder& parent = mask.remainders[at];
        if (parent.expanded) return parent.children;
        parent.expanded = true;
        uint32_t where[256] = {};
        for (uint32_t p : parent.trie_nodes)
            for (uint32_t c = p + 1; c < trie_->nodes[p].skip; c = trie_->nodes[c].skip) {
                uint8_t b = trie_->nodes[c].byte;
                if (!where[b]) {
                    where[b] = static_cast<uint32_t>(mask.remainders.size());
                    mask.remainders.emplace_back();
                    mask.remainders.back().byte = b;
                }
                mask.remainders[where[b]].trie_nodes.push_back(c);
                bytes_ += 4;
            }
        for (uint32_t child : where)
            if (child) parent.children.push_back(child);
        bytes_ += static_cast<int64_t>(parent.children.size() * (sizeof(Remainder) + 4));
        return parent.children;
    }

  private:
    struct Way {
        LexState* before = nullptr;
        uint8_t byte = 0;
        int32_t length = 0;
    };
    using Ways = std::unordered_map<LexState*, Way>;

    // The nearest state that is `done`, or nullptr. Best first (A*) by lower bounds from the expressions; a state is visited
    // again where a shorter way leads to it. Only states that `open` lets pass are left.
    template <class Done, class Open>
    LexState* search(LexState* s, Ways& ways, const char* what, Done done, Open open) {
        const int64_t before = memory();
        std::map<int32_t, std::vector<std::pair<LexState*, Way>>> waiting;   // by the least length of a text through them
        waiting[0].push_back({s, {}});
        while (!waiting.empty()) {
            auto best = waiting.begin();
            const auto [now, way] = best->second.back();
            best->second.pop_back();
            if (best->second.empty()) waiting.erase(best);
            auto known = ways.emplace(now, way);
            if (!known.second && known.first->second.length <= way.length) continue;
            known.first->second = way;
            if (done(now)) return now;
            check_search(ways.size(), before, what);
            if (!open(now)) continue;
            for (size_t g = now->to.size(); g-- > 1;) {
                LexState* to = now->to[g];
                const int32_t length = way.length + 1;
                if (auto other = ways.find(to); other == ways.end() || other->second.length > length)
                    waiting[length + expressions_.nearest(to->expr)].push_back({to, {now, pleasant(now->sets[g]), length}});
            }
        }
        return nullptr;
    }

    void check_search(size_t states, int64_t before, const char* what) const {
        if (static_cast<int64_t>(states) > limits_.states) throw LimitError("states", static_cast<double>(limits_.states), what);
        if (memory() - before > limits_.working_bytes())
            throw LimitError("cache_bytes", static_cast<double>(limits_.cache_bytes), what);
    }

    void expand(LexState* s) {
        if (s->expanded) return;
        Partition parts = expressions_.derive(s->expr);
        s->to.assign(1, nullptr);
        s->sets.assign(1, ByteSet{});
        for (const auto& part : parts) {
            LexState* target = state(part.second);
            size_t g = 1;
            while (g < s->to.size() && s->to[g] != target) ++g;
            if (g == s->to.size()) {
                s->to.push_back(target);
                s->sets.push_back(part.first);
            } else {
                s->sets[g] = s->sets[g] | part.first;
            }
        }
        bytes_ += static_cast<int64_t>(s->to.size() * (sizeof(LexState*) + sizeof(ByteSet)));
        s->expanded = true;
    }

    // What one walk over the trie found.
    struct Found {
        std::vector<LexState*> stack;                        // state by depth
        std::vector<std::pair<uint32_t, uint32_t>> inside;   // ranges of Trie::tokens
        std::vector<std::tuple<const Content*, uint32_t, uint32_t>> content;   // ranges of which the content tokens are inside
        std::vector<uint32_t> crossings;
    };

    void walk(LexState* start, LexMask& out) {
        Found found;
        found.stack.resize(trie_->longest + 1);
        found.stack[0] = start;
        if (const Content* c = content(start)) {
            found.content.emplace_back(c, 0, static_cast<uint32_t>(trie_->tokens.size()));
            walk_odd(*c, 1, static_cast<uint32_t>(trie_->nodes.size()), found);
        } else {
            first(start).each([&](uint8_t b) {
                if (uint32_t node = trie_->root_child[b]) walk_nodes(node, trie_->nodes[node].skip, found);
            });
        }
        finish(found, out);
    }

    void finish(Found& found, LexMask& out) {
        store(found, out);
        bytes_ += static_cast<int64_t>(sizeof(LexMask) + out.dense.size() * 4 + out.list.size() * 4);
        set_crossings(std::move(found.crossings), out);
    }

    bool counts_matter(const LexState* s, int32_t bytes) const {
        const Expr& e = expressions_.at(s->expr);
        return !e.boolean && e.reach > bytes;
    }

    // The mask of `owner` from one that agrees with it on tokens of at most kShortToken bytes; the longer ones are walked.
    void adapt(const LexMask& base, LexState* owner, LexMask& out) {
        if (!long_tokens_) long_tokens_ = std::make_unique<Content>(*trie_, kShortToken);
        Found found;
        found.stack.resize(trie_->longest + 1);
        found.stack[0] = owner;
        walk_odd(*long_tokens_, 1, static_cast<uint32_t>(trie_->nodes.size()), found);
        out.dense = base.dense;
        for (size_t w = 0; w < out.dense.size(); ++w) out.dense[w] &= long_tokens_->dense[w];
        for (int32_t t : base.list)
            if ((long_tokens_->dense[t >> 5] >> (t & 31)) & 1) out.list.push_back(t);
        for (auto& range : found.inside)
            for (uint32_t r = range.first; r < range.second; ++r) {
                if (out.dense.empty()) out.list.push_back(trie_->tokens[r]);
                else set_bit(out.dense, trie_->tokens[r]);
            }
        std::sort(out.list.begin(), out.list.end());
        auto deep = [this](uint32_t node) { return trie_->nodes[node].depth > kShortToken; };
        std::vector<uint32_t> crossings;
        if (!base.remainders.empty()) crossings = base.remainders[0].trie_nodes;
        crossings.erase(std::remove_if(crossings.begin(), crossings.end(), deep), crossings.end());
        std::copy_if(found.crossings.begin(), found.crossings.end(), std::back_inserter(crossings), deep);
        bytes_ += static_cast<int64_t>(sizeof(LexMask) + out.dense.size() * 4 + out.list.size() * 4);
        set_crossings(std::move(crossings), out);
    }

    void set_crossings(std::vector<uint32_t> crossings, LexMask& out) {
        if (crossings.empty()) return;
        bytes_ += static_cast<int64_t>(sizeof(Remainder) + crossings.size() * 4);
        out.remainders.emplace_back();
        out.remainders[0].trie_nodes = std::move(crossings);
    }

    // The state after a node's byte, or nullptr; notes that the node's end is a crossing.
    LexState* enter(uint32_t at, Found& found) {
        const TrieNode& node = trie_->nodes[at];
        ++visited_;
        expressions_.spend(1);
        LexState* now = next(found.stack[node.depth - 1], node.byte);
        if (now && now->accepting && !trie_->leaf(at)) found.crossings.push_back(at);
        found.stack[node.depth] = now;
        return now;
    }

    void walk_nodes(uint32_t from, uint32_t to, Found& found) {
        const Trie& trie = *trie_;
        for (uint32_t i = from; i < to;) {
            const TrieNode& node = trie.nodes[i];
            LexState* now = enter(i, found);
            if (!now) {
                i = node.skip;
                continue;
            }
            if (!now->accepting && node.skip - i >= Trie::kLarge) {
                if (const Content* c = content(now); c && c->complete[i]) {
                    found.content.emplace_back(c, node.tok, trie.tokens_end(i));
                    walk_odd(*c, i + 1, node.skip, found);
                    i = node.skip;
                    continue;
                }
            }
            if (node.ntok) found.inside.emplace_back(node.tok, node.tok + node.ntok);
            ++i;
        }
    }

    // Nodes [from, to) as far as they lead to tokens that are not content; the way to `from` is content.
    void walk_odd(const Content& c, uint32_t from, uint32_t to, Found& found) {
        for (uint32_t k = c.first_odd(from); k < c.odd.size() && c.odd[k].node < to;) {
            const TrieNode& node = trie_->nodes[c.odd[k].node];
            if (!enter(c.odd[k].node, found)) {
                k = c.odd[k].skip;
                continue;
            }
            if (node.ntok && !c.by_rank[node.tok]) found.inside.emplace_back(node.tok, node.tok + node.ntok);
            ++k;
        }
    }

    // The content class of a state that is not accepting and that most characters lead back to; nullptr for others.
    const Content* content(LexState* s) {
        if (s->content_known) return s->content;
        s->content_known = true;
        prune(s);
        if (s->accepting || s->loop.count() < kContentBytes) return nullptr;
        ByteSet ascii = s->loop;
        ascii.w[2] = ascii.w[3] = 0;
        const bool utf8 = !s->loop.has(0xC3) && loops_on_characters(s);
        return s->content = &contents_.at({utf8 ? ascii : s->loop, utf8});
    }

    // Whether every character beyond ASCII leads back to `s`, through states that accept nothing.
    bool loops_on_characters(LexState* s) {
        std::array<LexState*, 8> at{};   // by state of utf8_step
        at[0] = s;
        std::array<int, 8> order{};
        size_t known = 1;
        for (size_t i = 0; i < known; ++i)
            for (int b = 0x80; b < 0x100; ++b) {
                int to = utf8_step(order[i], static_cast<uint8_t>(b));
                if (to < 0) continue;
                LexState* target = next(at[order[i]], static_cast<uint8_t>(b));
                if (!target || (to != 0 && target->accepting) || (at[to] && at[to] != target)) return false;
                if (!at[to]) {
                    at[to] = target;
                    order[known++] = to;
                }
            }
        return true;
    }

    void store(const Found& found, LexMask& out) {
        size_t count = 0, words = (trie_->vocab_size + 31) / 32;
        for (auto& range : found.inside) count += range.second - range.first;
        for (auto& [c, from, to] : found.content) count += to - from;   // at most
        if (count > words) {
            out.dense.assign(words, 0);
            add_content(found, out.dense);
            for (auto& range : found.inside)
                for (uint32_t i = range.first; i < range.second; ++i) set_bit(out.dense, trie_->tokens[i]);
            return;
        }
        for (auto& range : found.inside) out.list.insert(out.list.end(), trie_->tokens.begin() + range.first, trie_->tokens.begin() + range.second);
        for (auto& [c, from, to] : found.content)
            for (uint32_t r = from; r < to; ++r)
                if (c->by_rank[r]) out.list.push_back(trie_->tokens[r]);
        std::sort(out.list.begin(), out.list.end());
    }

    // Ranges that cover most of a class are written as the whole class less the gaps between them.
    void add_content(const Found& found, std::vector<uint32_t>& dense) {
        const uint32_t all = static_cast<uint32_t>(trie_->tokens.size());
        for (size_t i = 0; i < found.content.size();) {
            const Content* c = std::get<0>(found.content[i]);
            size_t j = i, covered = 0;
            for (; j < found.content.size() && std::get<0>(found.content[j]) == c; ++j)
                covered += std::get<2>(found.content[j]) - std::get<1>(found.content[j]);
            if (covered * 2 > all && i == 0) {
                dense = c->dense;
                uint32_t gap = 0;
                for (size_t k = i; k < j; ++k) {
                    clear_range(*c, gap, std::get<1>(found.content[k]), dense);
                    gap = std::get<2>(found.content[k]);
                }
                clear_range(*c, gap, all, dense);
            } else {
                for (size_t k = i; k < j; ++k)
                    for (uint32_t r = std::get<1>(found.content[k]); r < std::get<2>(found.content[k]); ++r)
                        if (c->by_rank[r]) set_bit(dense, trie_->tokens[r]);
            }
            i = j;
        }
    }

    void clear_range(const Content& c, uint32_t from, uint32_t to, std::vector<uint32_t>& dense) {
        for (uint32_t r = from; r < to; ++r)
            if (c.by_rank[r]) dense[trie_->tokens[r] >> 5] &= ~(1u << (trie_->tokens[r] & 31));
    }

    static void set_bit(std::vector<uint32_t>& dense, int32_t token) { dense[token >> 5] |= 1u << (token & 31); }

    static constexpr size_t kManyBelow = 64;     // nodes
    static constexpr int32_t kShortToken = 32;   // bytes; almost all tokens are shorter
    static constexpr int kContentBytes = 16;   // bytes that have to lead back before a class is worth its memory

    std::shared_ptr<const Trie> trie_;
    Limits limits_;
    Expressions expressions_;
    Contents contents_;
    std::unique_ptr<Content> long_tokens_;
    std::deque<LexState> states_;
    std::unordered_map<int32_t, LexState*> by_expr_;
    std::mutex mutex_;
    int64_t bytes_ = 0, visited_ = 0;
};

}  // namespace guidedgen
