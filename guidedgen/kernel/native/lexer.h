// Lexeme automata and their share of the token mask, lazily built and shared by all grammars of one vocabulary.
//
// A LexState is an expression together with its transitions. For each one the token trie is walked at most once:
// the tokens that stay inside the lexeme, and what stands after its end in tokens that cross it (the remainders).
#pragma once

#include <mutex>
#include <tuple>
#include <unordered_map>

#include "expressions.h"
#include "lexer_states.h"

namespace guidedgen {

class Lexer {
  public:
    Lexer(std::shared_ptr<const Trie> trie, const Limits& limits)
        : trie_(std::move(trie)), limits_(limits), expressions_(limits), contents_(trie_) {}

    Expressions& expressions() { return expressions_; }
    const Trie& trie() const { return *trie_; }
    std::mutex& mutex() { return mutex_; }
    std::unordered_map<int32_t, int64_t> farthest_of;   // memo of Farthest
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
        if (e.sure || e.nullable || (!e.boolean && expr != Expressions::kEmpty)) s->alive = 1;
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
        const int64_t before = memory();
        std::vector<LexState*> order{s};
        std::unordered_map<LexState*, LexState*> parent{{s, nullptr}};
        for (size_t i = 0; i < order.size(); ++i) {
            LexState* now = order[i];
            if (now->alive == 1) {
                for (LexState* p = now; p; p = parent[p]) p->alive = 1;
                return true;
            }
            if (now->alive == 0) continue;
            check_search(order.size(), before, "search for an accepted text");
            expand(now);
            for (size_t g = 1; g < now->to.size(); ++g)
                if (parent.emplace(now->to[g], now).second) order.push_back(now->to[g]);
        }
        for (LexState* dead : order) dead->alive = 0;
        return false;
    }

    // Bytes of the shortest accepted text from `s`. Only vague expressions need a search: breadth first, cut
    // short by what is known already and by the lower bound that every expression carries.
    int32_t distance(LexState* s) {
        if (s->distance >= 0) return s->distance;
        if (s->accepting) return s->distance = 0;
        const Expr& e = expressions_.at(s->expr);
        if (!e.vague && s->expr != Expressions::kEmpty) return s->distance = e.shortest;
        const int64_t before = memory();
        struct Visit { LexState* state; size_t parent; int32_t depth; };
        std::vector<Visit> order{{s, 0, 0}};
        std::unordered_map<LexState*, char> met{{s, 0}};
        int32_t best = INT32_MAX;
        size_t last = 0;
        for (size_t i = 0; i < order.size() && order[i].depth + 1 < best; ++i) {
            check_search(order.size(), before, "search for the shortest text");
            prune(order[i].state);
            for (size_t g = 1; g < order[i].state->to.size(); ++g) {
                LexState* to = order[i].state->to[g];
                const int32_t depth = order[i].depth + 1, known = known_distance(to);
                if (known >= 0 && depth + known < best) {
                    best = depth + known;
                    last = i;
                }
                if (known >= 0 || depth + expressions_.at(to->expr).shortest >= best) continue;
                if (met.emplace(to, 0).second) order.push_back({to, i, depth});
            }
        }
        if (best == INT32_MAX) throw std::logic_error("distance of a dead lexer state");
        for (size_t i = last;; i = order[i].parent) {   // all on the way to the end are at their distance
            order[i].state->distance = best - order[i].depth;
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
        for (size_t g = 1; g < s->to.size(); ++g) {
            const uint8_t byte = pleasant(s->sets[g]);
            if ((best < 0 || rank(byte) < rank(static_cast<uint8_t>(best))) && distance(s->to[g]) == left - 1) best = byte;
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
        Found found = new_walk(s);
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

  private:
    int32_t known_distance(const LexState* s) const {
        if (s->distance >= 0 || s->accepting) return std::max(s->distance, 0);
        const Expr& e = expressions_.at(s->expr);
        return e.vague ? -1 : e.shortest;
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
        std::vector<LexState*> reached;
        uint64_t walk = 0;   // number of the walk where `reached` is wanted
    };

    Found new_walk(LexState* start) {
        Found found;
        found.stack.resize(trie_->longest + 1);
        if (expressions_.at(start->expr).vague) {
            found.walk = ++walks_;
            found.reached.push_back(start);
        }
        return found;
    }

    void walk(LexState* start, LexMask& out) {
        Found found = new_walk(start);
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
        out.reached = std::move(found.reached);
        bytes_ += static_cast<int64_t>(sizeof(LexMask) + out.dense.size() * 4 + out.list.size() * 4 + out.reached.size() * 8);
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
        if (found.walk && now && now->walk != found.walk) {
            now->walk = found.walk;
            found.reached.push_back(now);
        }
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
    uint64_t walks_ = 0;
};

}  // namespace guidedgen
