// The table of hash-consed expressions: equal nodes have one id, and what is plain to see of each is noted when it is made.
//
// The languages are those of texts that can be written: bytes that no token of the vocabulary has are taken out of every set, so
// that what needs one is visibly empty. Marks in obligations stay.
//
// Languages may be marked as parts of a universe (that of all JSON strings, say), which unions and concatenations then make
// use of. Nothing here simplifies: expression_forms.h does.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "expression_nodes.h"
#include "paged.h"
#include "work.h"

namespace guidedgen {

class ExpressionTable {
  public:
    static constexpr int32_t kEmpty = 0, kEpsilon = 1, kAll = 2;  // no string, the empty string, every string

    explicit ExpressionTable(Limits limits, const ByteSet& spelled = ByteSet::all())
        : limits_(limits), work_(limits), spelled_(spelled | marks()), prints_(ByteSet::range(' ', '~').subset_of(spelled)),
          complete_((ByteSet::range(0, 0xBF) | ByteSet::range(0xC2, 0xF4)).subset_of(spelled)) {
        nodes_.push_back({Op::Empty, false, false, 0});
        nodes_.push_back({Op::Epsilon, true, false, 0});
        nodes_.push_back({Op::Repeat, true, false, 0, 3, 0, 0, -1});  // kAll = any byte, any number of times
        nodes_.push_back({Op::Bytes, false, false, 0, 0, 0, 0, -1, 1});
        nodes_[0].finite = nodes_[1].finite = nodes_[3].finite = nodes_[2].endless = true;
        nodes_[1].sure = nodes_[2].sure = nodes_[3].sure = true;
        sets_.push_back(ByteSet::all());
        set_index_[ByteSet::all().hash()].push_back(0);
        index_.insert(last_part(nodes_[2]), key_hash(nodes_[2]), 2);
        index_.insert(last_part(nodes_[3]), key_hash(nodes_[3]), 3);
    }

    ExpressionTable(const ExpressionTable&) = delete;
    ExpressionTable& operator=(const ExpressionTable&) = delete;

    const Expr& at(int32_t id) const { return nodes_[id]; }
    const ByteSet& set_of(int32_t id) const { return sets_[nodes_[id].a]; }
    int32_t part(int32_t id, int32_t i) const { return args_[nodes_[id].a + i]; }   // of Or and And
    int64_t size() const { return static_cast<int64_t>(nodes_.size()); }
    int64_t memory() const {
        return static_cast<int64_t>(nodes_.size() * (sizeof(Expr) + 48) + args_.size() * 4 + sets_.size() * 96) + held_;
    }
    void hold(size_t bytes) { held_ += static_cast<int64_t>(bytes); }   // memory that a derivation takes

    // The bytes that texts can be written with, and the marks; whether all printable ones of ASCII are among them, and whether all
    // of UTF-8 are (RFC 3629, section 4).
    const ByteSet& spelled() const { return spelled_; }
    bool prints() const { return prints_; }
    bool complete() const { return complete_; }
    bool spells(const ByteSet& set) const { return set.subset_of(spelled_); }

    int32_t bytes(ByteSet set) {
        set = set & spelled_;
        if (set.empty()) return kEmpty;
        if (set == spelled_) set = ByteSet::all();   // what can be written of "any byte" is the same
        auto& bucket = set_index_[set.hash()];
        int32_t found = -1;
        for (int32_t i : bucket)
            if (sets_[i] == set) found = i;
        if (found < 0) {
            found = static_cast<int32_t>(sets_.size());
            sets_.push_back(set);
            bucket.push_back(found);
        }
        return intern({Op::Bytes, false, false, 0, found, 0, 0, -1, 1});
    }

    // The automaton whose state an expression is; nullptr where it is none.
    const ByteGraph* graph(int32_t id) const { return nodes_[id].op == Op::Lazy ? sources_.all[nodes_[id].a]->graph() : nullptr; }

    // A lower bound of the lengths of texts that is worked out, where `shortest` only says what is known at once.
    int32_t nearest(int32_t id) const {
        const Expr& e = nodes_[id];
        if (e.op != Op::Or && e.op != Op::And) return nearest_part(id);
        int32_t result = e.op == Op::Or ? kManyBytes : 0;
        for (int32_t i = e.a; i < e.a + e.b; ++i)
            result = e.op == Op::Or ? std::min(result, nearest_part(args_[i])) : std::max(result, nearest(args_[i]));
        return result;
    }

    // A language R* that takes in whole what is made of parts of it: a union with it drops them, and so does a concatenation
    // of what may be empty with it. `mark_text(id)` says that a language is in it; what is joined of such parts by
    // concatenation, union and repetition is, too.
    void set_universe(int32_t id) { universe_ = id; }
    void mark_text(int32_t id) { nodes_[id].text = true; }
    bool of_universe(int32_t part) const { return universe_ >= 0 && nodes_[universe_].op == Op::Repeat && nodes_[universe_].a == part; }

    // Whether it is plain to see that each text of the universe begins some text of a language, and is none itself: it has the
    // universe before something, and all its texts end with a byte of `ends`, which texts of the universe do not end with.
    bool takes_any_text(int32_t id, const ByteSet& ends) const { return universe_ >= 0 && opens(id, 0) && ends_with(id, ends, 0); }

    // Work of one call from outside, in visits of small things.
    void begin() { work_.begin(); }
    void spend(int64_t steps) { work_.spend(steps); }
    Work& work() { return work_; }

  protected:
    int32_t head_of(int32_t id) const { return nodes_[id].op == Op::Concat ? nodes_[id].a : id; }
    int32_t tail_of(int32_t id) const { return nodes_[id].op == Op::Concat ? nodes_[id].b : kEpsilon; }

    template <class F>
    bool any_part(const Expr& e, F holds) const { return std::any_of(args_.begin() + e.a, args_.begin() + e.a + e.b, holds); }
    template <class F>
    bool all_parts(const Expr& e, F hold) const { return std::all_of(args_.begin() + e.a, args_.begin() + e.a + e.b, hold); }

    int32_t intern(const Expr& e) {
        const uint64_t h = key_hash(e);
        const int32_t known = index_.find(last_part(e), h, [&](int32_t id) {
            const Expr& o = nodes_[id];
            return o.op == e.op && o.a == e.a && o.b == e.b && o.low == e.low && o.high == e.high;
        });
        return known >= 0 ? known : add(e, last_part(e), h);
    }

    int32_t intern_list(Op op, const std::vector<int32_t>& items) {
        uint64_t h = mix(static_cast<uint64_t>(op), items.size());
        for (int32_t id : items) h = mix(h, id);
        const auto last = static_cast<size_t>(*std::max_element(items.begin(), items.end()));
        const int32_t known = index_.find(last, h, [&](int32_t id) {
            const Expr& o = nodes_[id];
            return o.op == op && o.b == static_cast<int32_t>(items.size()) && std::equal(items.begin(), items.end(), args_.begin() + o.a);
        });
        if (known >= 0) return known;
        Expr e{op, op == Op::And, op == Op::And, 0, static_cast<int32_t>(args_.size()), static_cast<int32_t>(items.size())};
        e.shortest = op == Op::And ? 0 : kManyBytes;
        for (int32_t id : items) {
            const Expr& c = nodes_[id];
            e.nullable = op == Op::And ? e.nullable && c.nullable : e.nullable || c.nullable;
            e.boolean |= c.boolean;
            e.reach = std::max(e.reach, c.reach);
            e.shortest = op == Op::And ? std::max(e.shortest, c.shortest) : std::min(e.shortest, c.shortest);
        }
        work_.hold(static_cast<int64_t>(items.size() * sizeof(int32_t)));
        args_.insert(args_.end(), items.begin(), items.end());
        return add(e, last, h);
    }

    Limits limits_;
    Work work_;
    const ByteSet spelled_;
    const bool prints_, complete_;
    Paged<Expr> nodes_;
    std::vector<int32_t> args_;    // parts of Or and And
    std::vector<ByteSet> sets_;
    Derivations sources_;
    int32_t universe_ = -1;

  private:
    static constexpr int kPlain = 64;   // parts and levels of what is "plain to see"

    int32_t nearest_part(int32_t id) const {
        const Expr& head = nodes_[head_of(id)];
        return head.op == Op::Lazy ? sources_.all[head.a]->nearest(head.b) + nodes_[tail_of(id)].shortest : nodes_[id].shortest;
    }

    bool opens(int32_t id, int depth) const {
        for (; depth < kPlain; ++depth) {
            const Expr& e = nodes_[id];
            if (id == universe_) return true;
            if (e.op == Op::Or) return e.b <= kPlain && some_part_opens(e, depth + 1);
            if (e.op != Op::Concat || !nodes_[e.b].sure) return false;
            const Expr& head = nodes_[e.a];
            if (e.a == universe_ || (head.op == Op::Or && head.b <= kPlain && some_part_opens(head, depth + 1))) return true;
            if (!head.nullable) return false;
            id = e.b;
        }
        return false;
    }

    bool some_part_opens(const Expr& e, int depth) const {
        return any_part(e, [&](int32_t part) { return opens(part, depth); });
    }

    bool ends_with(int32_t id, const ByteSet& ends, int depth) const {
        for (; depth < kPlain && nodes_[id].op == Op::Concat; ++depth) id = nodes_[id].b;
        const Expr& e = nodes_[id];
        if (e.op == Op::Bytes) return set_of(id).subset_of(ends);
        if (e.op != Op::Or || depth >= kPlain || e.b > kPlain) return false;
        return all_parts(e, [&](int32_t part) { return ends_with(part, ends, depth + 1); });
    }

    static ByteSet marks() { return ByteSet::single(kBeginningMark) | ByteSet::single(kTerminalMark) | ByteSet::single(kEndMark); }

    // Where an expression that is no list stands in the index.
    static size_t last_part(const Expr& e) { return static_cast<size_t>(e.op == Op::Concat ? std::max(e.a, e.b) : e.op == Op::Lazy ? e.b : e.a); }

    int32_t add(const Expr& e, size_t last, uint64_t hash) {
        if (size() >= limits_.expressions) throw LimitError("expressions", static_cast<double>(limits_.expressions), "");
        work_.hold(sizeof(Expr));
        int32_t id = static_cast<int32_t>(nodes_.size());
        nodes_.push_back(e);
        settle(nodes_.back());
        index_.insert(last, hash, id);
        return id;
    }

    // What follows from the parts: what has to be worked out, that there is a text, and that all texts are in the universe.
    void settle(Expr& e) const {
        auto text = [this](int32_t id) { return id == kEpsilon || nodes_[id].text; };
        auto sure = [this](int32_t id) { return nodes_[id].sure || !nodes_[id].boolean; };
        auto lazy = [this](int32_t id) { return nodes_[id].lazy; };
        e.lazy = e.op == Op::Lazy || (e.op == Op::Concat && (lazy(e.a) || lazy(e.b))) || ((e.op == Op::Repeat || e.op == Op::Longest) && lazy(e.a)) ||
                 (e.op == Op::Or && any_part(e, lazy));
        if (e.op == Op::Concat) e.text = text(e.a) && text(e.b), e.sure = sure(e.a) && sure(e.b);
        if (e.op == Op::Longest) e.sure = e.low == 0 && sure(e.a);
        if (e.op == Op::Repeat) e.text = text(e.a), e.sure = sure(e.a);
        if (e.op == Op::Or) {
            e.text = all_parts(e, text);
            e.sure = any_part(e, sure);
        }
        if (e.op == Op::And) e.text = any_part(e, text), e.sure = all_but_few(e);
        e.sure |= e.nullable || !e.boolean;
        settle_size(e);
    }

    void settle_size(Expr& e) const {
        auto finite = [this](int32_t id) { return nodes_[id].finite; };
        auto endless = [this](int32_t id) { return nodes_[id].endless; };
        switch (e.op) {
            case Op::Bytes: e.finite = true; break;
            case Op::Concat:
                e.finite = finite(e.a) && finite(e.b);
                e.endless = e.sure && (endless(e.a) || endless(e.b));
                break;
            case Op::Repeat:
                e.finite = finite(e.a) && e.high >= 0;
                e.endless = nodes_[e.a].sure && (e.high < 0 || endless(e.a));
                break;
            case Op::Or:
                e.finite = all_parts(e, finite);
                e.endless = any_part(e, endless);
                break;
            case Op::And: e.finite = any_part(e, finite); break;
            default: break;
        }
    }

    // An intersection of one endless language and of complements of finite ones.
    bool all_but_few(const Expr& e) const {
        size_t complements = 0;
        for (int32_t i = e.a; i < e.a + e.b; ++i) {
            const Expr& part = nodes_[args_[i]];
            if (part.op == Op::Not && nodes_[part.a].finite) ++complements;
            else if (!part.endless) return false;
        }
        return complements + 1 == static_cast<size_t>(e.b);
    }

    NearTable index_;
    std::unordered_map<uint64_t, std::vector<int32_t>> set_index_;
    int64_t held_ = 0;
};

}  // namespace guidedgen
