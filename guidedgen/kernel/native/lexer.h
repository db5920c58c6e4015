// Lexeme automata and their share of the token mask, lazily built and shared by all grammars of one vocabulary.
//
// A LexState is an expression together with its transitions. For each one the token trie is walked at most once:
// the tokens that stay inside the lexeme, and what stands after its end in tokens that cross it (the remainders).
#pragma once

#include <mutex>
#include <unordered_map>

#include "farthest.h"
#include "lexer_differences.h"

namespace guidedgen {

class Lexer : public LexerDifferences {
  public:
    Lexer(std::shared_ptr<const Trie> trie, const Limits& limits, std::shared_ptr<const TextTokens> text = nullptr)
        : LexerDifferences(std::move(trie), limits, std::move(text)), contents_(trie_), farthest_(expressions_) {}

    std::mutex& mutex() { return mutex_; }
    std::vector<uint32_t>& marks() { return marks_; }   // scratch of whoever has the mutex: a bit for each token
    int64_t memory() const { return automaton_memory() + contents_.memory() + text_->memory(); }

    LexMask& mask(LexState* s) {
        if (!s->clamped) {
            LexState* free = without_counts(s, trie_->longest);
            s->clamped = free ? free : s;
        }
        LexState* owner = s->clamped;
        if (!owner->mask) {
            auto made = std::make_unique<LexMask>();
            if (const ByteGraph* graph = expressions_.graph(owner->expr)) {
                walk_graph(owner, *graph, *made);
            } else if (from_home(owner, *made) || without_words(owner, *made) || from_wider(owner, *made) || after_opening(owner, *made) ||
                       count_characters(owner, *made)) {
            } else if (LexState* free = trie_->longest > kShortToken ? without_counts(owner, kShortToken) : nullptr) {
                adapt(free, owner, *made);
            } else if (!count_alone(owner, *made)) {
                walk(owner, *made);
            }
            owner->mask = std::move(made);
        }
        return *owner->mask;
    }

    // No token that is read inside the terminal at `s`, whose share of the mask is `part`, leads farther from its end than so
    // many bytes: a bound that a mask under a budget asks for before anything exact. Where the expression is not vague it
    // follows from that; elsewhere from the states that the walk for the mask met.
    int64_t farthest(LexState* s, LexMask& part) {
        if (!expressions_.at(s->expr).vague()) return s->farthest >= 0 ? s->farthest : s->farthest = farthest_.of(s->expr);
        if (s->clamped && s->clamped != s && s->clamped->mask.get() == &part)   // as without_counts proved
            return std::min(kFar, farthest(s->clamped, part) + kUnfinished);
        if (part.reached.empty() || part.reached[0] != s) return kFar;
        if (part.farthest >= 0) return part.farthest;
        int64_t most = part.like ? farthest(part.like, mask(part.like)) : 0;
        for (LexState* now : part.reached) most = std::max<int64_t>(most, distance(now));
        for (const auto& [node, from] : part.words) most = std::max<int64_t>(most, distance(read_through(s, from, node)));
        return part.farthest = std::min(kFar, most + kUnfinished);
    }

    // Tokens that go on below a remainder of `mask`, read from `s` there; where they cross the end again is in it, too.
    LexMask& below(LexMask& mask, uint32_t at, LexState* s) {
        const auto known = mask.remainders[at].below.find(s);
        if (known != mask.remainders[at].below.end()) return *known->second;
        auto made = std::make_unique<LexMask>();
        if (!below_without_words(mask, at, s, *made) && !below_from_wider(mask, at, s, *made)) {
            Found found = new_walk(s);
            each_next(mask, at, first(s), [&](uint32_t node) {
                found.stack[trie_->nodes[node].depth - 1u] = s;
                walk_nodes(node, trie_->nodes[node].skip, found);
            });
            finish(found, *made);
        }
        return *mask.remainders[at].below.emplace(s, std::move(made)).first->second;
    }

    // The bytes of text that do not lead back to a state to which all other characters of text do; nullptr for other states.
    const ByteSet* odd_text(LexState* s, ByteSet& odd) {
        prune(s);
        odd = TextTokens::plain() - s->loop;
        return odd.count() <= kMostOdd && characters(s) ? &odd : nullptr;
    }

    // The content class of a state that is not accepting and that most characters lead back to; nullptr for others.
    const Content* content(LexState* s) {
        if (s->content_known) return s->content;
        s->content_known = true;
        prune(s);
        if (s->accepting || s->loop.count() < kContentBytes) return nullptr;
        ByteSet ascii = s->loop;
        ascii.w[2] = ascii.w[3] = 0;
        const bool utf8 = characters(s);
        return s->content = &contents_.at({utf8 ? ascii : s->loop, utf8});
    }

  private:
    // The state without the counts that cannot matter to tokens of so many bytes; nullptr where there are none. Under an
    // intersection they can matter to what follows: they do not where each state that a token leads to without them can be
    // completed in so few bytes that the counts do not matter to token and rest together.
    LexState* without_counts(LexState* s, int32_t bytes) {
        const Expr e = expressions_.at(s->expr);
        if (expressions_.graph(s->expr)) {
            const int32_t free = static_cast<ExplicitAutomaton&>(expressions_.derivation(e.a)).without_counts(e.b, bytes);
            return free < 0 ? nullptr : state(free);
        }
        if (e.reach <= bytes) return nullptr;
        LexState* free = state(expressions_.clamp(s->expr, bytes));
        if (!e.boolean || free == s) return free == s ? nullptr : free;
        if (expressions_.clamp(s->expr, bytes + kUnfinished) != free->expr) return nullptr;
        const int64_t rest = farthest(free, mask(free));
        return rest < kManyBytes && expressions_.clamp(s->expr, bytes + static_cast<int32_t>(rest)) == free->expr ? free : nullptr;
    }

    // --- masks made from those of other states

    // Calls `f` with each node of the trie that comes right after an opening, if it has one of these bytes.
    template <class F>
    void each_after(LexMask& opening, const ByteSet& bytes, F f) {
        if (opening.remainders.empty()) return;
        for (const auto& [byte, child] : children(opening, 0))
            if (bytes.has(byte))
                for (uint32_t node : nodes_of(opening.remainders[child])) f(node);
    }

    // The mask of a lexeme with an opening: that of the opening, and what is read after it. Where states that were reached are
    // wanted: from those inside the opening the end is not farther than from its beginning.
    bool after_opening(LexState* owner, LexMask& out) {
        const Opening parts = opening(owner->expr);
        if (parts.expr < 0 || expressions_.at(parts.rest).nullable) return false;
        LexMask& shared = mask(state(parts.expr));
        if (!shared.is_list() || shared.opening) return false;
        LexState* rest = state(parts.rest);
        Found found = new_walk(owner);
        each_after(shared, first(rest), [&](uint32_t node) {
            found.stack[trie_->nodes[node].depth - 1u] = rest;
            walk_nodes(node, trie_->nodes[node].skip, found);
        });
        finish(found, out);
        if (!out.dense.empty())
            for (int32_t t : shared.list) set_bit(out.dense, t);
        else if (shared.list.size() < kLongOpening) out.list.insert(out.list.end(), shared.list.begin(), shared.list.end());
        else out.opening = &shared;
        return true;
    }

    // A text without some words: the same, but for what follows the words. Which tokens are inside is the same if after each beginning of a
    // word the text can go on in ways without number.
    bool without_words(LexState* owner, LexMask& out) {
        LexState* whole = with_words(owner);
        return whole && from_other(owner, whole, mask(whole), out, [&](Difference& found) {
            return ends_of_words(*owner->words, whole, found, [&](const ByteSet& first, auto f) {
                first.each([&](uint8_t b) {
                    if (trie_->root_child[b]) f(trie_->root_child[b]);
                });
            });
        });
    }

    // The same of what is below a remainder.
    bool below_without_words(LexMask& part, uint32_t at, LexState* owner, LexMask& out) {
        LexState* whole = with_words(owner);
        return whole && from_other(owner, whole, below(part, at, whole), out, [&](Difference& found) {
            return ends_of_words(*owner->words, whole, found, [&](const ByteSet& first, auto f) { each_next(part, at, first, f); });
        });
    }

    // The mask of a state from that of a wider one: only nodes of the trie where the two differ are looked at.
    bool from_wider(LexState* owner, LexMask& out) {
        const int32_t expr = wider(owner);
        return expr >= 0 && from_other(owner, state(expr), out);
    }

    // The same of what is below a remainder, where that is much.
    bool below_from_wider(LexMask& part, uint32_t at, LexState* owner, LexMask& out) {
        if (!expressions_.at(owner->expr).boolean) return false;
        uint32_t nodes = 0;
        each_next(part, at, first(owner), [&](uint32_t node) { nodes += trie_->nodes[node].skip - node; });
        const int32_t expr = nodes < kManyBelow ? -1 : wider(owner);
        if (expr < 0) return false;
        LexState* whole = state(expr);
        return from_other(owner, whole, below(part, at, whole), out, [&](Difference& found) {
            bool few = true;
            each_next(part, at, first(owner) | first(whole), [&](uint32_t node) {
                found.stack[trie_->nodes[node].depth - 1u] = {owner, whole};
                few = few && differ_in(node, trie_->nodes[node].skip, found);
            });
            return few;
        });
    }

    // Text that may not contain something: a state in the midst of it differs from that before its beginning along few ways.
    bool from_home(LexState* owner, LexMask& out) {
        if (!avoids(owner->expr) || obligation(owner) >= 0) return false;
        const auto text = [this](LexState* s) { return s->accepting ? leaving_open(s) : leaving(s, trie_->nodes.size()); };
        LexState* home = usual(owner);
        // A home is its own: two states that lead to each other would wait for each other's masks.
        if (home && home != owner && usual(home) == home && text(home) && from_other(owner, home, out)) return true;
        if (!text(owner)) return false;
        walk(owner, out);
        return true;
    }

    // The state that most bytes of text lead to; nullptr where there is none.
    LexState* usual(LexState* s) {
        prune(s);
        for (size_t i = 0; i < s->edges.size(); ++i)
            if ((s->edges[i].bytes & TextTokens::plain()).count() > TextTokens::plain().count() / 2) return target(s, i);
        return nullptr;
    }

    bool from_other(LexState* owner, LexState* whole, LexMask& out) {
        return from_other(owner, whole, mask(whole), out, [&](Difference& found) { return differ(owner, whole, found); });
    }

    // `base`: what is known of the other state; `differ` notes where the two differ, or says that it is too often.
    template <class F>
    bool from_other(LexState* owner, LexState* whole, LexMask& base, LexMask& out, F differ) {
        Difference found;
        found.stack.resize(trie_->longest + 1);
        found.walk = ++walks_;
        found.reached.push_back(owner);
        if (!differ(found)) return false;
        out.like = whole;
        if (base.is_list()) {
            if (!std::is_sorted(base.list.begin(), base.list.end())) std::sort(base.list.begin(), base.list.end());
            std::sort(found.gone.begin(), found.gone.end());
            std::vector<int32_t> all;
            if (base.opening && opening(owner->expr).expr == opening(whole->expr).expr) out.opening = base.opening;   // they differ behind it only
            else if (base.opening) base.each_listed([&](int32_t t) { all.push_back(t); });
            std::sort(all.begin(), all.end());
            const std::vector<int32_t>& before = all.empty() ? base.list : all;
            std::set_difference(before.begin(), before.end(), found.gone.begin(), found.gone.end(), std::back_inserter(out.list));
            out.list.insert(out.list.end(), found.come.begin(), found.come.end());
        } else if (!base.wide && holds_more(base.dense, base.dense.size() + found.gone.size())) {
            out.wide = &base;
            out.gone = std::move(found.gone);
            out.list = std::move(found.come);
        } else {
            out.dense = base.bits();
            for (int32_t t : found.gone) out.dense[t >> 5] &= ~(1u << (t & 31));
            for (int32_t t : found.come) set_bit(out.dense, t);
            keep_few_as_list(out);
        }
        out.reached = std::move(found.reached);
        out.words = std::move(found.words);
        bytes_ += static_cast<int64_t>(sizeof(LexMask) + (out.dense.size() + out.list.size() + out.gone.size()) * 4);
        bytes_ += static_cast<int64_t>((out.words.size() + out.reached.size()) * 8);
        set_ends(base, found, out);
        return true;
    }

    // Adds to `come` the ends that were there `before` and are not gone.
    static void change_ends(const std::vector<uint32_t>& before, std::vector<uint32_t>& gone, std::vector<uint32_t>& come) {
        std::sort(gone.begin(), gone.end());
        std::set_difference(before.begin(), before.end(), gone.begin(), gone.end(), std::back_inserter(come));
    }

    static bool holds_more(const std::vector<uint32_t>& bits, size_t tokens) {
        size_t count = 0;
        for (size_t w = 0; w < bits.size() && count <= tokens; ++w) count += static_cast<size_t>(__builtin_popcount(bits[w]));
        return count > tokens;
    }

    // A bit set holds more tokens than it has words, as TokenSet::single relies on.
    static void keep_few_as_list(LexMask& out) {
        if (out.dense.empty() || holds_more(out.dense, out.dense.size())) return;
        for (size_t w = 0; w < out.dense.size(); ++w)
            for (uint32_t bits = out.dense[w]; bits; bits &= bits - 1) out.list.push_back(static_cast<int32_t>(w * 32) + __builtin_ctz(bits));
        out.dense = {};
    }

    // The ends of a lexeme: those of a mask that differs little. Where they are many, they refer to those.
    void set_ends(LexMask& base, Difference& found, LexMask& out) {
        std::map<int32_t, uint32_t> many;   // places in the remainders of the other mask
        base.each_end([&](uint32_t at, int32_t left) {
            Remainder& there = base.remainders[at];
            if (there.size() >= kVast) many.emplace(left, at);
            else change_ends(nodes_of(there), found.crosses_not[left], found.crosses[left]);
        });
        auto add = [&](int32_t left, std::vector<uint32_t> nodes) -> Remainder& {
            std::sort(nodes.begin(), nodes.end());
            Remainder& made = out.remainders.add();
            bytes_ += static_cast<int64_t>(sizeof(Remainder) + nodes.size() * 4);
            const auto shared = many.find(left);
            if (shared == many.end()) {
                made.trie_nodes = std::move(nodes);
                return made;
            }
            std::vector<uint32_t> gone = std::move(found.crosses_not[left]);
            if (left >= 0) gone.erase(std::remove_if(gone.begin(), gone.end(), [&](uint32_t at) { return !may_cross(at, left); }), gone.end());
            std::sort(gone.begin(), gone.end());
            gone.erase(std::unique(gone.begin(), gone.end()), gone.end());   // several words may end there
            share(base, shared->second, std::move(gone), std::move(nodes), made);
            return made;
        };
        for (const auto& [left, at] : many) found.crosses[left];
        for (auto& [left, nodes] : found.crosses) {
            if (nodes.empty() && !many.count(left)) continue;
            if (left >= 0 && out.remainders.empty()) out.remainders.add();
            Remainder& made = add(left, std::move(nodes));
            if (left >= 0 && made.size() > 0) out.obliged.emplace_back(left, static_cast<uint32_t>(out.remainders.size()) - 1);
        }
    }

    // How the tokens fare from one state and from another, wherever that differs; false where it does so too often.
    bool differ(LexState* one, LexState* other, Difference& found) {
        const Opening mine = opening(one->expr), its = opening(other->expr);
        if (mine.expr < 0 || mine.expr != its.expr) {
            found.stack[0] = {one, other};
            bool few = true;
            apart(one, other, first(one) | first(other)).each([&](uint8_t b) {
                if (const uint32_t node = trie_->root_child[b]) few = few && differ_in(node, trie_->nodes[node].skip, found);
            });
            return few;
        }
        LexState *rest = state(mine.rest), *other_rest = state(its.rest);
        bool few = true;
        each_after(mask(state(mine.expr)), first(rest) | first(other_rest), [&](uint32_t node) {
            found.stack[trie_->nodes[node].depth - 1u] = {rest, other_rest};
            few = few && differ_in(node, trie_->nodes[node].skip, found);
        });
        return few;
    }

    // A state in the midst of a counted run of characters, X{low,high} R: what it shares with the state of any number of
    // them is known, and the content tokens of at most `high` characters are one bit set.
    bool count_characters(LexState* owner, LexMask& out) {
        const Expr e = expressions_.at(owner->expr);
        if (e.boolean || e.op != Op::Concat || expressions_.at(e.a).op != Op::Repeat) return false;
        const Expr run = expressions_.at(e.a);
        if (run.high < 0 && run.low == 0) return false;
        LexState* free = state(expressions_.concat(expressions_.repeat(run.a, 0, -1), e.b));
        const Content* c = counts_characters(free, run.a, e.b);
        if (!c || counts_matter(free, std::min(kShortToken, trie_->longest)) || (c->most_units >= 255 && run.high >= 255)) return false;
        const int high = run.high < 0 ? INT32_MAX : run.high;
        out.dense = c->up_to(*trie_, high);
        Found found = new_walk(owner);
        found.stack[0] = owner;
        std::vector<uint32_t> crossings;
        if (run.low == 0) {   // in few bytes are few characters: short tokens fare as they do without a bound
            LexMask& base = mask(free);
            for (uint32_t node : base.odd)
                if (trie_->nodes[node].depth <= high) found.inside.emplace_back(trie_->nodes[node].tok, trie_->nodes[node].tok + trie_->nodes[node].ntok);
            if (!base.remainders.empty())
                for (uint32_t node : nodes_of(base.remainders[0]))
                    if (trie_->nodes[node].depth <= high) crossings.push_back(node);
            walk_odd(*c, 1, static_cast<uint32_t>(trie_->nodes.size()), found, high);
        } else {
            walk_odd(*c, 1, static_cast<uint32_t>(trie_->nodes.size()), found);
        }
        for (auto& range : found.inside)
            for (uint32_t r = range.first; r < range.second; ++r) set_bit(out.dense, trie_->tokens[r]);
        crossings.insert(crossings.end(), found.crossings.begin(), found.crossings.end());
        std::sort(crossings.begin(), crossings.end());
        crossings.erase(std::unique(crossings.begin(), crossings.end()), crossings.end());
        keep_few_as_list(out);
        bytes_ += static_cast<int64_t>(sizeof(LexMask) + out.dense.size() * 4 + out.list.size() * 4);
        set_crossings(std::move(crossings), out);
        return true;
    }

    // The same where nothing follows the run, and some characters may not be in it: it may end behind each of its characters.
    bool count_alone(LexState* owner, LexMask& out) {
        const Expr run = expressions_.at(owner->expr);
        if (run.boolean || run.op != Op::Repeat || run.low != 0 || run.high < 0 || run.high >= 255) return false;
        LexState* free = state(expressions_.repeat(run.a, 0, -1));
        const ByteSet* odd = leaving_open(free);
        LexState *one = state(run.a), *end = state(Expressions::kEpsilon);
        std::vector<uint32_t> others;
        if (!odd || one->accepting || !loops_on_characters(one, end) || !text_->outermost(*trie_, *odd, 1, trie_->nodes.size(), others)) return false;
        out.dense = text_->content().up_to(*trie_, run.high);
        for (uint32_t node : others)
            for (uint32_t r = trie_->nodes[node].tok; r < trie_->tokens_end(node); ++r) out.dense[trie_->tokens[r] >> 5] &= ~(1u << (trie_->tokens[r] & 31));
        Found found = new_walk(owner);
        found.stack[0] = owner;
        walk_odd(text_->content(), 1, static_cast<uint32_t>(trie_->nodes.size()), found, 0, &others);
        for (auto& range : found.inside)
            for (uint32_t r = range.first; r < range.second; ++r) set_bit(out.dense, trie_->tokens[r]);
        keep_few_as_list(out);
        bytes_ += static_cast<int64_t>(sizeof(LexMask) + out.dense.size() * 4 + out.list.size() * 4);
        const std::vector<uint32_t>& inner = inner_nodes();
        const std::vector<uint8_t>& units = text_->inner_units(*trie_);
        std::vector<uint32_t> ends;
        size_t w = 0;
        for (size_t i = 0; i < inner.size(); ++i) {
            while (w < others.size() && trie_->nodes[others[w]].skip <= inner[i]) ++w;
            if (units[i] <= run.high && (w == others.size() || inner[i] < others[w])) ends.push_back(inner[i]);
        }
        std::sort(found.crossings.begin(), found.crossings.end());
        std::vector<uint32_t> all;
        std::set_union(ends.begin(), ends.end(), found.crossings.begin(), found.crossings.end(), std::back_inserter(all));
        set_crossings(std::move(all), out);
        return true;
    }

    // The content class of X* R, where every content character is one X and begins no R; nullptr otherwise.
    const Content* counts_characters(LexState* free, int32_t unit, int32_t rest) {
        auto known = counted_.find(free->expr);
        if (known != counted_.end()) return known->second;
        const ByteSet* odd = leaving(free, trie_->nodes.size());
        const Content* c = odd && odd->empty() ? &text_->content() : nullptr;
        LexState *one = state(unit), *end = state(Expressions::kEpsilon);
        if (c) {
            const ByteSet taken = first(state(rest));
            bool fits = !(taken.w[2] | taken.w[3]) && !one->accepting && loops_on_characters(one, end);
            for (int b = 0; b < 0x80; ++b)
                if (c->bytes.has(static_cast<uint8_t>(b))) fits = fits && !taken.has(static_cast<uint8_t>(b)) && next(one, static_cast<uint8_t>(b)) == end;
            if (!fits) c = nullptr;
        }
        counted_.emplace(free->expr, c);
        return c;
    }

    // The mask of `owner` from that of a state that agrees with it on tokens of at most kShortToken bytes; the longer ones
    // are walked.
    void adapt(LexState* free, LexState* owner, LexMask& out) {
        LexMask& base = mask(free);
        if (!long_tokens_) long_tokens_ = std::make_unique<Content>(*trie_, kShortToken);
        Found found = new_walk(owner);
        found.stack[0] = owner;
        if (!walk_bounded(*long_tokens_, owner, found)) walk_odd(*long_tokens_, 1, static_cast<uint32_t>(trie_->nodes.size()), found);
        if (!base.is_list()) out.dense = base.bits();
        for (size_t w = 0; w < out.dense.size(); ++w) out.dense[w] &= long_tokens_->dense[w];
        if (base.is_list())
            base.each_listed([&](int32_t t) {
                if ((long_tokens_->dense[t >> 5] >> (t & 31)) & 1) out.list.push_back(t);
            });
        for (auto& range : found.inside)
            for (uint32_t r = range.first; r < range.second; ++r) {
                if (out.dense.empty()) out.list.push_back(trie_->tokens[r]);
                else set_bit(out.dense, trie_->tokens[r]);
            }
        std::vector<uint32_t> ends;
        std::copy_if(found.crossings.begin(), found.crossings.end(), std::back_inserter(ends), [this](uint32_t node) { return deep(node); });
        std::sort(ends.begin(), ends.end());
        out.reached = std::move(found.reached);
        out.like = free;
        bytes_ += static_cast<int64_t>(sizeof(LexMask) + out.dense.size() * 4 + out.list.size() * 4);
        if (base.remainders.empty()) return set_crossings(std::move(ends), out);
        const std::vector<uint32_t>& before = deep_of(base.remainders[0]);
        std::vector<uint32_t> gone, come;
        std::set_difference(before.begin(), before.end(), ends.begin(), ends.end(), std::back_inserter(gone));
        std::set_difference(ends.begin(), ends.end(), before.begin(), before.end(), std::back_inserter(come));
        share(base, 0, std::move(gone), std::move(come), out.remainders.add());
    }

    bool deep(uint32_t node) const { return trie_->nodes[node].depth > kShortToken; }

    // The nodes of a remainder that are deeper than short tokens.
    const std::vector<uint32_t>& deep_of(Remainder& remainder) {
        const auto [known, fresh] = deep_.try_emplace(&remainder);
        if (fresh) {
            const std::vector<uint32_t>& nodes = nodes_of(remainder);
            std::copy_if(nodes.begin(), nodes.end(), std::back_inserter(known->second), [this](uint32_t node) { return deep(node); });
            bytes_ += static_cast<int64_t>(64 + known->second.size() * 4);
        }
        return known->second;
    }

    static constexpr int32_t kShortToken = 32;   // bytes; almost all tokens are shorter
    static constexpr uint32_t kManyBelow = 2000;       // nodes below a remainder that are worth a comparison
    static constexpr size_t kLongOpening = 48;   // tokens: from here on an opening is referred to

    Contents contents_;
    Farthest farthest_;
    std::unique_ptr<Content> long_tokens_;
    std::unordered_map<int32_t, const Content*> counted_;   // memo of counts_characters
    std::unordered_map<const Remainder*, std::vector<uint32_t>> deep_;   // memo of deep_of
    std::mutex mutex_;
    std::vector<uint32_t> marks_;
};

}  // namespace guidedgen
