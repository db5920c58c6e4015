// What a lexer state holds, and its share of the token mask; `lexer.h` fills both in.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "content.h"

namespace guidedgen {

// What follows the end of a lexeme inside tokens: equal remainders of different tokens share a node. Children come into
// being when some structure can read up to them, since most continuations never fit.
struct Remainder {
    struct Child {
        uint8_t byte;
        uint32_t at;   // in LexMask::remainders
    };
    bool expanded = false, listed = false;
    uint32_t nodes_below = 0;      // of all its subtrees, once `listed`
    std::vector<int32_t> tokens;   // that end at these nodes, once `listed`
    std::vector<Child> children;   // sorted by byte
    ByteSet known;                 // their bytes; where not all of them are there yet, the bytes that were asked for
    std::vector<uint32_t> trie_nodes;   // ascending; use `TrieWalks::nodes_of`, since they may not be written out yet:
    struct LexMask* base = nullptr;     // where this is set, they are those of a remainder of another mask, at `base_at`, less `gone`, and `come`
    uint32_t base_at = 0;
    std::vector<uint32_t> gone, come;   // ascending
    size_t shared = 0;                  // how many nodes there are while `base` is set
    std::unordered_map<const struct LexState*, std::unique_ptr<struct LexMask>> below;   // memo of Lexer::below

    size_t size() const { return base ? shared : trie_nodes.size(); }

    // The child by a byte that one has, where all of them are there.
    uint32_t child(uint8_t byte) const { return children[known.rank(byte)].at; }
};

// Remainders that stay where they are as more of them come; most states have none, and then they take no memory.
class RemainderList {
  public:
    bool empty() const { return all_.empty(); }
    size_t size() const { return all_.size(); }
    Remainder& operator[](size_t i) { return *all_[i]; }
    const Remainder& operator[](size_t i) const { return *all_[i]; }
    Remainder& add() { return *all_.emplace_back(std::make_unique<Remainder>()); }

  private:
    std::vector<std::unique_ptr<Remainder>> all_;
};

// What the vocabulary looks like from one lexer state.
struct LexMask {
    std::vector<uint32_t> dense;         // bit set of the tokens inside, or empty when `list` holds them
    std::vector<int32_t> list;           // in no order
    const LexMask* wide = nullptr;       // where there is one, its `dense` less `gone`, and `list` beside it, are the tokens inside
    std::vector<int32_t> gone;
    RemainderList remainders;            // [0]: the ends themselves; empty where no token crosses
    std::vector<std::pair<int32_t, uint32_t>> obliged;   // ends that leave an obligation: the obligation, and their place in `remainders`
    std::vector<struct LexState*> reached;   // states after tokens inside; only kept for expressions with And or Not
    const LexMask* opening = nullptr;    // the list of this one, which other masks share, belongs to that of this mask
    // Where tokens may end farther from an end than `like` says: nodes, and where the way to them begins.
    std::vector<std::pair<uint32_t, uint32_t>> words;
    struct LexState* like = nullptr;     // this mask was made from that of another state: what that one reaches counts as well
    std::vector<uint32_t> odd;           // nodes of the tokens inside that are not of the content class, where the state has one
    int64_t farthest = -1;               // memo of Lexer::farthest

    bool is_list() const { return dense.empty() && !wide; }
    // Calls `f` with each token of a mask that is a list.
    template <class F>
    void each_listed(F f) const {
        if (opening) std::for_each(opening->list.begin(), opening->list.end(), f);
        std::for_each(list.begin(), list.end(), f);
    }
    // The bit set of the tokens inside, where they are no list.
    std::vector<uint32_t> bits() const {
        std::vector<uint32_t> made = wide ? wide->dense : dense;
        for (int32_t t : gone) made[t >> 5] &= ~(1u << (t & 31));
        for (int32_t t : list) made[t >> 5] |= 1u << (t & 31);
        return made;
    }

    // Calls `f` with each place in `remainders` where the lexeme has ended, and the obligation that it leaves.
    template <class F>
    void each_end(F f) const {
        if (!remainders.empty() && remainders[0].size() > 0) f(0u, -1);
        for (const auto& [obligation, at] : obliged) f(at, obligation);
    }
};

// Where some bytes lead from a state.
struct LexEdge {
    ByteSet bytes;
    struct LexState* to;     // made when it is first gone to: the state of `rest` and then `tail`
    int32_t rest, tail;
};

// States that accept nothing, and that text leads to each other but for characters that begin with some bytes.
struct Region {
    std::vector<struct LexState*> states;
    uint64_t walk = 0;   // the last walk over the trie that noted them
};

// How much text is read from a state before reading can fail or end.
struct Safety {
    int characters;          // so many of any kind
    ByteSet needed;          // bytes without any of which reading goes on for ever
    Region* around;          // the states that can be reached, those after `characters` or more
};

// What each step looks at comes first, in one line of a cache.
struct alignas(64) LexState {
    int32_t id = 0, expr = 0;
    bool accepting = false;
    bool expanded = false;    // transitions are there
    bool pruned = false;      // transitions into empty languages are gone
    int32_t obligation = -1;  // what the rest must not begin with where a text ends here, an expression; -1: nothing, -2: not known yet
    int8_t alive = -1;        // 1: some text is accepted from here, 0: none, -1: not known yet
    int32_t asked = 0;                 // how many edges were looked at for one
    std::vector<LexEdge> edges;        // of disjoint bytes
    std::unique_ptr<uint8_t[]> edge_of;    // by byte: number of its edge, from 1 on; only where there are many, and used often
    LexState* clamped = nullptr;       // the state whose mask this one shares
    std::unique_ptr<LexMask> mask;
    ByteSet first;                     // bytes with a transition
    ByteSet loop;                      // bytes that lead back here
    uint32_t loop_classes = 0;         // ... the ByteClasses that are among them as a whole
    uint64_t walk = 0;                 // the last walk over the trie that noted it
    uint64_t met = 0;                  // the last search for a region that came by
    int32_t distance = -1;             // bytes of the shortest accepted text; -1: not computed
    int16_t nearest_byte = -1;         // memo of Lexer::nearest_byte
    bool content_known = false;
    int8_t characters = -1;            // 1: characters beyond ASCII lead back here, 0: they do not, -1: not known yet
    int8_t textual = -1;               // 1: text is read without end, but for characters that begin with `leaving`; -1: not known yet
    int8_t open_text = -1;             // the same of a state that accepts, and that they lead back to itself
    Region* region = nullptr;          // ... where it leads, if not back here
    Safety* safety = nullptr;          // nullptr: nothing is safe, or, until `safety_known`, not known
    bool safety_known = false;
    uint32_t looked = 0, safety_looked = 0;   // nodes below which a search was worth it so far, for `textual` and for `safety`
    const Content* content = nullptr;  // tokens that lead from here back to here, where those are many
    int64_t farthest = -1;             // memo of Lexer::farthest
    LexState* whole = nullptr;         // the state with the words that are taken from its texts; itself: there are none, nullptr: not known yet
    const std::vector<int32_t>* words = nullptr;   // ... these words
    ByteSet leaving;
};

}  // namespace guidedgen
