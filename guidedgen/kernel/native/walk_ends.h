// What a walk over the vocabulary's tree notes: the tokens inside of a lexeme, the places in tokens where it ends, and what it obliges to there.
//
// An obligation mostly bars some bytes at once. Where only these go on in tokens, an end is none, and a subtree of them is read in the lexeme
// alone.
#pragma once

#include "text_safety.h"

namespace guidedgen {

class WalkEnds : public TextSafety {
  public:
    // `text`: that of the same tokens, where another lexer has it already.
    WalkEnds(std::shared_ptr<const Trie> trie, const Limits& limits, std::shared_ptr<const TextTokens> text)
        : TextSafety(limits, text ? std::move(text) : std::make_shared<TextTokens>(*trie), trie->spelled), trie_(std::move(trie)) {}

    const Trie& trie() const { return *trie_; }
    int64_t visited() const { return visited_; }

    // Whether an obligation rules out all texts that begin with one of some bytes.
    bool bars_all(int32_t obligation, const ByteSet& bytes) { return bytes.subset_of(barred(obligation).bytes); }

  protected:
    // What one walk over the trie found.
    struct Found {
        std::vector<LexState*> stack;                        // state by depth
        std::vector<std::pair<uint32_t, uint32_t>> inside;   // ranges of Trie::tokens
        std::vector<std::pair<uint32_t, uint32_t>> text;     // ranges of which the tokens that are text are inside
        std::vector<uint32_t> crossings;
        bool open = false;                                   // these are beside all inner nodes of text,
        std::vector<uint32_t> closed;                        // but for those
        std::map<int32_t, std::vector<uint32_t>> obliged;    // those that leave an obligation, by obligation
        std::vector<uint32_t> odd;                           // nodes of those inside that are not text
        std::vector<LexState*> reached;
        uint64_t walk = 0;   // number of the walk where `reached` is wanted
        int32_t left = -1;                          // the obligation that was met last, and
        std::vector<uint32_t>* leaving = nullptr;   // ... those that leave it

        void take(uint32_t from, uint32_t to) {
            if (!inside.empty() && inside.back().second == from) inside.back().second = to;
            else inside.emplace_back(from, to);
        }
    };

    void set_crossings(std::vector<uint32_t> crossings, LexMask& out) {
        if (crossings.empty()) return;
        bytes_ += static_cast<int64_t>(sizeof(Remainder) + crossings.size() * 4);
        out.remainders.add().trie_nodes = std::move(crossings);
    }

    void set_obliged(std::map<int32_t, std::vector<uint32_t>>& obliged, LexMask& out) {
        if (obliged.empty()) return;
        if (out.remainders.empty()) out.remainders.add();
        for (auto& [obligation, nodes] : obliged) {
            if (!std::is_sorted(nodes.begin(), nodes.end())) std::sort(nodes.begin(), nodes.end());
            nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
            bytes_ += static_cast<int64_t>(sizeof(Remainder) + nodes.size() * 4);
            out.obliged.emplace_back(obligation, static_cast<uint32_t>(out.remainders.size()));
            out.remainders.add().trie_nodes = std::move(nodes);
        }
    }

    // What an obligation rules out at once: bytes, and all characters that begin with some others.
    struct Barred {
        ByteSet bytes, leads;
        uint32_t classes = 0;   // of bytes, as a whole
    };
    const Barred& barred(int32_t obligation) {
        if (obligation != last_obligation_) {
            const auto known = barred_.find(obligation);
            last_barred_ = known != barred_.end() ? &known->second : &add_barred(obligation);
            last_obligation_ = obligation;
        }
        return *last_barred_;
    }

    const Barred& add_barred(int32_t obligation) {
        LexState* s = state(obligation);
        prune(s);
        ByteSet bytes;
        for (size_t i = 0; i < s->edges.size(); ++i)
            if (target(s, i)->accepting) bytes = bytes | s->edges[i].bytes;
        return barred_.emplace(obligation, Barred{bytes, leads(s, state(Expressions::kEpsilon)), ByteClasses::whole(bytes)}).first->second;
    }

    // Whether an obligation rules out all of some bytes that stand below a node.
    bool bars(int32_t obligation, const Subtrees::Below& below, const ByteSet& bytes) {
        const Barred& known = barred(obligation);
        const ByteSet rest = bytes - known.bytes;
        return rest.empty() || (below.characters && !(rest.w[0] | rest.w[1]) && beyond_ascii(rest).subset_of(known.leads));
    }

    // Whether what stands below a node may begin behind the end of a lexeme there.
    bool may_cross(uint32_t at, int32_t obligation) {
        if (const Subtrees::Below* below = trie_->subtrees.below(at)) return !bars(obligation, *below, below->next);
        const ByteSet& bytes = barred(obligation).bytes;
        for (uint32_t c = at + 1; c < trie_->nodes[at].skip; c = trie_->nodes[c].skip)
            if (!bytes.has(trie_->nodes[c].byte)) return true;
        return false;
    }

    void note_crossing(uint32_t at, LexState* now, Found& found) {
        if (trie_->leaf(at)) return;
        const int32_t left = obligation(now);
        if (left < 0) return found.crossings.push_back(at);
        if (!may_cross(at, left)) return;
        if (left != found.left) {
            found.leaving = &found.obliged[left];
            found.left = left;
        }
        found.leaving->push_back(at);
    }

    // Whether letters and digits lead back to a state, and nothing beyond ASCII leads anywhere: what is not read in a loop is soon done with.
    bool loops_in_ascii(LexState* s) {
        const ByteSet& bytes = first(s);
        return !(bytes.w[2] | bytes.w[3]) && !(WordTokens::classes() & ~s->loop_classes);
    }

    // Whether all that is below a node of a small subtree leads from a state back to it, and begins nothing that may follow its end.
    bool loops_below(LexState* s, uint32_t at) {
        prune(s);
        const uint32_t classes = trie_->subtrees.classes(at);
        return !(classes & ~s->loop_classes) && (!s->accepting || (obligation(s) >= 0 && !(classes & ~barred(s->obligation).classes)));
    }

    // Whether no text ends in a state, or none of the bytes below a node may follow one that ends there.
    bool stays(LexState* s, const Subtrees::Below* below) {
        return !s->accepting || (obligation(s) >= 0 && below && bars(s->obligation, *below, below->bytes));
    }

    // Whether letters and digits lead back to a state, blanks do not, and none of them may follow a text that ends there.
    bool reads_words(LexState* s) {
        static const uint32_t words = WordTokens::classes(), blank = ByteClasses::of(' ');
        prune(s);
        if ((s->loop_classes & (words | blank)) != words) return false;
        return !s->accepting || (obligation(s) >= 0 && !(words & ~barred(s->obligation).classes));
    }

    std::shared_ptr<const Trie> trie_;
    std::unordered_map<int32_t, Barred> barred_;
    int32_t last_obligation_ = -1;          // that `barred` was asked for
    const Barred* last_barred_ = nullptr;
};

}  // namespace guidedgen
