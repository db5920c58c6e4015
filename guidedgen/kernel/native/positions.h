// Positions in a text: hash-consed sets of half-read terminals plus the row reached between terminals, and their masks.
//
// An Arena owns rows and positions. When it outgrows its limit the grammar starts a new one; a position that is advanced
// afterwards is rebuilt there, and the old arena is freed with the last position that refers to it.
#pragma once

#include <functional>

#include "lalr_masks.h"
#include "position.h"

namespace guidedgen {

class Arena {
  public:
    explicit Arena(std::shared_ptr<Symbols> symbols)
        : rows_(symbols), viability_(rows_), lexer_(symbols->lexer_ptr()), sets_((lexer_->trie().vocab_size + 31u) / 32u, lexer_->marks()),
          stacks_(rows_, viability_, sets_), registers_(lexer_->expressions().work()) {}

    Rows& rows() { return rows_; }
    Viability& viability() { return viability_; }
    Lexer& lexer() { return *lexer_; }
    size_t words() const { return sets_.words(); }
    int64_t memory() const { return bytes_ + rows_.memory() + registers_.memory(); }
    int64_t count() const { return static_cast<int64_t>(positions_.size()); }

    Position* start() {
        Front front;
        front.between = rows_.start();
        return intern(front);
    }

    Position* import(const Position* source) {
        Front front = source->front;
        for (Reading& r : front.reading) {
            Expected expected = r.row->terminals[r.index].key();
            r.row = rows_.import(r.row);
            Row* around = expected.item.row ? rows_.import(expected.item.row) : nullptr;
            auto same = [&](const Expected& e) { return e.same(expected) && e.item.nonterminal == expected.item.nonterminal && e.item.row == around; };
            while (!same(r.row->terminals[r.index])) r.index = (r.index + 1) % r.row->terminals.size();
        }
        if (front.between) front.between = rows_.import(front.between);
        front.registers = registers_.import(front.registers);
        for (Reading& r : front.reading) r.text = registers_.import(r.text);
        return intern(front);
    }

    // `token`: whether the bytes are one, which counts for terminals that may take so many only.
    Position* advance(Position* from, const uint8_t* bytes, size_t length, bool token) {
        Front *now = &scratch_[0], *next = &scratch_[1];
        *now = from->front;
        for (size_t i = 0; i < length; ++i) {
            step(*now, bytes[i], *next);
            if (next->dead()) return nullptr;
            std::swap(now, next);
        }
        if (token && !end_token(*now)) return nullptr;
        return intern(*now);
    }

    // Counts a token whose bytes led here: terminals that cannot end in the tokens left to them are given up. False where
    // nothing is left.
    bool end_token(Front& front) {
        if (!rows_.symbols().has_limits()) return true;
        auto& reading = front.reading;
        for (Reading& r : reading)
            if (r.left >= 0) --r.left;
        reading.erase(std::remove_if(reading.begin(), reading.end(), [this](const Reading& r) { return !may_go_on(r, r.left); }), reading.end());
        return !front.dead();
    }

    // After a special token, which may only stand between terminals.
    Position* advance_special(Position* from, int32_t token) {
        Row* row = from->front.between;
        if (!row) return nullptr;
        viability_.settle(row);
        std::vector<Item> items;
        for (const ExpectedTokens& e : row->tokens) {
            const auto& list = rows_.symbols().token_list(e.list);
            if (std::find(list.begin(), list.end(), token) != list.end()) items.insert(items.end(), e.after.begin(), e.after.end());
        }
        if (items.empty()) return nullptr;
        Front front;
        front.between = rows_.make(std::move(items));
        return intern(front);
    }

    // The position that stands where either of two stands.
    Position* either(const Position* left, const Position* right) {
        Front front = left->front;
        front.reading.insert(front.reading.end(), right->front.reading.begin(), right->front.reading.end());
        if (!front.between) front.between = right->front.between;
        else if (right->front.between) front.between = rows_.merge(front.between, right->front.between);
        return intern(front);
    }

    const TokenSet& mask(Position* p) {
        if (const TokenSet* known = p->mask.load(std::memory_order_relaxed)) return *known;
        if (const TokenSet* alone = alone_mask(p->front)) {
            p->mask.store(alone, std::memory_order_release);
        } else {
            auto set = std::make_unique<TokenSet>();
            for (const Reading& r : p->front.reading) {
                LexMask& part = lexer_->mask(r.state);
                add_inside(*set, part, r.state, r.left);
                part.each_end([&](uint32_t at, int32_t left) { sets_.add(*set, crossing(part, at, rows_.after(r.row, r.index, left))); });
            }
            if (p->front.between) sets_.add(*set, row_mask(p->front.between));
            sets_.finish(*set);
            if (p->front.registers || !set->perhaps.empty()) apply_registers(p->front, *set);   // a token may open what they are for
            bytes_ += static_cast<int64_t>((set->owned.size() + set->extra.size() + (set->lacking ? set->lacking->size() : 0)) * 4 + sizeof(TokenSet));
            p->made = std::move(set);
            p->mask.store(p->made.get(), std::memory_order_release);
        }
        return *p->mask.load(std::memory_order_relaxed);
    }

    // Bytes that can come next.
    ByteSet allowed(const Front& front) {
        ByteSet result;
        for (const Reading& r : front.reading) result = result | lexer_->first(r.state);
        if (!front.between) return result;
        viability_.settle(front.between);
        return result | front.between->first;
    }

    void step(const Front& in, uint8_t byte, Front& out) {
        out.reading.clear();
        out.between = nullptr;
        out.registers = in.registers;
        ended_.clear();
        flagged_ = 0;
        for (const Reading& r : in.reading) step_one(r, lexer_->next(r.state, byte), byte, out);
        if (in.between) {
            Row* row = in.between;
            viability_.settle(row);
            const size_t count = row->first.has(byte) ? row->terminals.size() : 0;
            for (uint32_t i = 0; i < count; ++i)
                step_one({nullptr, row, i, rows_.limit(row->terminals[i])}, lexer_->next(row->terminals[i].start, byte), byte, out);
        }
        if (out.reading.size() > kFew) sort_unique(out.reading);
        if (in.registers) out.registers = registers_.append(in.registers, byte);
        if (out.registers == registers_.unknown_string() && !begins_string(out)) uncertain_ = true;
        if (flagged_) out.between = end_flagged(out);
        else if (!ended_.empty()) out.between = behind_ended();
        if (Registers::lost(out.registers) && !inside_json(out)) out.registers = nullptr;
    }

    Position* intern(Front& front) {
        auto& reading = front.reading;
        sort_unique(reading);
        uint64_t h = mix(reading.size(), front.between ? front.between->id + 1 : 0);
        for (const Reading& r : reading) {
            const uint64_t within = reinterpret_cast<uintptr_t>(r.text) ^ static_cast<uint32_t>(r.left + 1);
            h = mix(mix(mix(h, r.state->id), mix(r.row->id, r.index)), within);
        }
        h = mix(h, reinterpret_cast<uintptr_t>(front.registers));
        const int32_t known = index_.find(h, [&](int32_t id) {
            const Position& p = positions_[static_cast<size_t>(id)];
            return p.front.between == front.between && p.front.registers == front.registers && p.front.reading == reading;
        });
        if (known >= 0) return &positions_[static_cast<size_t>(known)];
        positions_.emplace_back();
        Position* p = &positions_.back();
        p->front = front;
        if (front.between) {
            viability_.settle(front.between);
            p->accepting = front.between->accepting;
        }
        index_.insert(h, static_cast<int32_t>(positions_.size()) - 1);
        bytes_ += static_cast<int64_t>(sizeof(Position) + 64 + reading.size() * sizeof(Reading));
        return p;
    }

  private:
    void step_one(const Reading& r, LexState* target, uint8_t byte, Front& out) {
        lexer_->expressions().spend(1);
        if (!target) return;
        const uint8_t flags = r.flags();
        Reading next{target, r.row, r.index, r.left, flags & JsonMachine::kName ? registers_.extend(r.text, byte) : nullptr};
        if ((flags & JsonMachine::kName) && byte == '"' && repeats_name(next.text, out.registers)) return;
        if ((flags & JsonMachine::kNextItem) && out.registers == registers_.unknown() && !rows_.takes_any_string(r.row, r.index))
            uncertain_ = true;   // whether there may be a next item, too
        if (target->accepting) {
            flagged_ |= flags;
            const int32_t left = lexer_->obligation(target);
            auto same = [&](const Reading& e) { return e.row == r.row && e.index == r.index && e.state->obligation == left; };
            if (std::none_of(ended_.begin(), ended_.end(), same)) ended_.push_back(next);
        }
        if (!lexer_->can_continue(target)) return;
        if (!out.reading.empty() && out.reading.size() <= kFew && out.reading.back().row == r.row && out.reading.back().index >= r.index &&
            std::find(out.reading.begin(), out.reading.end(), next) != out.reading.end())
            return;   // where another row or terminal was last, it is hardly there already: sorting will find it
        out.reading.push_back(next);
    }

    // Whether what is read may be the beginning of an item that is a string, or stands before one.
    bool begins_string(const Front& front) {
        return std::any_of(front.reading.begin(), front.reading.end(), [this](const Reading& r) {
            return (r.flags() & JsonMachine::kNextItem) || lexer_->first(r.row->terminals[r.index].start) == ByteSet::single('"');
        });
    }

    // Whether the name that ends here came already. Without registers the answer is "no, but look again".
    bool repeats_name(const Text* text, const Register* registers) {
        if (!registers || Registers::lost(registers)) return false;
        const NameReader name = name_in(text);
        if (name.where != NameReader::Where::After) return false;
        if (registers_.is_unknown(registers)) {
            uncertain_ = true;
            return false;
        }
        return Registers::has(registers, name.name);
    }

    // Whether all that was read so far is JSON in which a container opens or closes with this byte. A text that may be something
    // else as well has no registers: they would not know whose containers and names they keep.
    bool one_json_text(const Front& out) {
        constexpr uint8_t around = JsonMachine::kOpens | JsonMachine::kCloses;
        return out.reading.empty() && std::all_of(ended_.begin(), ended_.end(), [&](const Reading& e) {
                   return e.row->terminals[e.index].edge >= 0 && (e.flags() & around) == (flagged_ & around);
               });
    }

    // Whether a JSON text has begun, and is not complete.
    bool inside_json(const Front& front) {
        auto inside = [&](const Item& i) { return is_json(i) && !rows_.symbols().json().complete(json_state(i)); };
        const bool reading = std::any_of(front.reading.begin(), front.reading.end(), [](const Reading& r) { return r.row->terminals[r.index].edge >= 0; });
        return reading || (front.between && std::any_of(front.between->items.begin(), front.between->items.end(), inside));
    }

    // The row after lexemes that registers have to know of; they are in `out` with this byte. Alternatives that are read side
    // by side are alternatives for the same text: containers open and close in all of them at once.
    Row* end_flagged(Front& out) {
        const Register* r = out.registers;
        const bool mixed = rows_.symbols().mixed();
        if (mixed && (flagged_ & (JsonMachine::kOpens | JsonMachine::kCloses)) && !registers_.is_unknown(r) && !one_json_text(out)) r = Registers::lost();
        const bool open = (flagged_ & JsonMachine::kOpens) && !Registers::lost(r) && !(mixed && registers_.is_unknown(r));
        if (open) r = registers_.open(r, flagged_ & JsonMachine::kOpensArray);
        auto is_known = [this](const Register* now) { return now && !registers_.is_unknown(now) && !Registers::lost(now); };
        if ((flagged_ & JsonMachine::kName) && is_known(r))
            for (const Reading& e : ended_)
                if (e.text) r = registers_.with_name(r, name_in(e.text).name);
        if ((flagged_ & JsonMachine::kCloses) && is_known(r)) r = r->outer;
        Row* row = nullptr;
        if ((flagged_ & JsonMachine::kEndsItem) && is_known(r)) {
            const std::string item = bytes_of(r->item);
            if (ended_.size() == 1) row = rows_.after_item(ended_[0].row, ended_[0].index, item);
            else row = rows_.after_all(ended_, [&](const Reading& e) { return rows_.items_after_item(e.row, e.index, item); });
        }
        if ((flagged_ & JsonMachine::kEndsItem) && r == registers_.unknown_string()) uncertain_ = true;
        if (flagged_ & JsonMachine::kNextItem) {
            if (is_known(r)) {
                r = registers_.next_item(r);
            } else if (r && !Registers::lost(r)) {   // what the next item may be depends on the one before
                auto any = [this](const Reading& e) { return rows_.takes_any_string(e.row, e.index); };
                if (std::all_of(ended_.begin(), ended_.end(), any)) r = registers_.unknown_string();
                else uncertain_ = true;
            }
        }
        out.registers = r;
        return row ? row : behind_ended();
    }

    // The row after what has ended. Several terminals may end at once: one row for all of them keeps ambiguity polynomial.
    Row* behind_ended() {
        if (ended_.size() == 1) return rows_.after(ended_[0].row, ended_[0].index, lexer_->obligation(ended_[0].state));
        return rows_.after_all(ended_, [&](const Reading& e) { return rows_.after_items(e.row, e.index, lexer_->obligation(e.state)); });
    }

    static constexpr size_t kFew = 32;   // up to here a linear search for duplicates beats sorting

    static void sort_unique(std::vector<Reading>& reading) {
        if (reading.size() < 2) return;
        auto in_order = [](const Reading& a, const Reading& b) { return a.row == b.row && a.index < b.index; };
        if (std::adjacent_find(reading.begin(), reading.end(), std::not_fn(in_order)) == reading.end()) return;
        std::sort(reading.begin(), reading.end(), [](const Reading& a, const Reading& b) {
            if (a.row != b.row) return a.row->id < b.row->id;
            if (a.index != b.index) return a.index < b.index;
            if (a.state != b.state) return a.state->id < b.state->id;
            return a.text != b.text ? a.text < b.text : a.left > b.left;   // of two that are the same, the one with more tokens left
        });
        reading.erase(std::unique(reading.begin(), reading.end(), [](const Reading& a, const Reading& b) { return a.same_place(b); }), reading.end());
    }

    // The mask of a boundary where nothing else is being read is that of its row; nullptr elsewhere.
    const TokenSet* alone_mask(const Front& front) {
        if (!front.reading.empty() || front.registers) return nullptr;
        const TokenSet& mask = row_mask(front.between);
        return mask.perhaps.empty() ? &mask : nullptr;
    }

    const TokenSet& row_mask(Row* row) {
        if (row->mask) return *row->mask;
        viability_.settle(row);
        auto set = std::make_unique<TokenSet>();
        const bool known = stacks_.add(row, nullptr, 0, *set);
        for (uint32_t i = 0; i < row->terminals.size() && !known; ++i) {
            LexMask& part = lexer_->mask(row->terminals[i].start);
            add_inside(*set, part, row->terminals[i].start, rows_.limit(row->terminals[i]));
            part.each_end([&](uint32_t at, int32_t left) { sets_.add(*set, crossing(part, at, rows_.after(row, i, left))); });
        }
        for (const ExpectedTokens& e : row->tokens) sets_.add(*set, rows_.symbols().token_list(e.list));
        sets_.finish(*set);
        charge(*set);
        row->mask = std::move(set);
        return *row->mask;
    }

    // The tokens that stay inside a terminal, which may take `left` more of them.
    void add_inside(TokenSet& set, LexMask& part, LexState* state, int32_t left) {
        if (left < 0 || (lexer_->trie().spells_text && lexer_->farthest(state, part) < left)) return sets_.add(set, part);
        sets_.add(set, rows_.symbols().counts().inside(state, left));
    }

    // Whether a token can lead a terminal farther from its end than what is left of its tokens.
    bool near_limit(const Reading& r) {
        return r.left >= 0 && !(lexer_->trie().spells_text && lexer_->farthest(r.state, lexer_->mask(r.state)) < r.left - 1);
    }

    bool may_go_on(const Reading& r, int32_t left) { return r.left < 0 || (left > 0 && rows_.symbols().counts().fits(r.state, left)); }

    // Whether something could be read on if a token ended here.
    bool may_end_token(const Front& front) {
        if (front.between || !rows_.symbols().has_limits()) return true;
        return std::any_of(front.reading.begin(), front.reading.end(), [this](const Reading& r) { return may_go_on(r, r.left - 1); });
    }

    // Tokens that cross the end of a terminal and whose remainder `row` can read. `depth`: scratch in use by callers.
    const TokenSet& crossing(LexMask& part, uint32_t at, Row* row, size_t depth = 0) {
        const Remainder* ends = &part.remainders[at];
        for (const auto& entry : row->crossing)
            if (entry.first == ends) return *entry.second;
        auto set = std::make_unique<TokenSet>();
        if (!stacks_.add(row, &part, at, *set)) {
            Front start;
            start.between = row;
            start.registers = rows_.symbols().has_json() ? registers_.unknown() : nullptr;
            cross(part, at, start, depth, *set);
        }
        sets_.finish(*set);
        charge(*set);
        row->crossing.emplace_back(ends, std::move(set));
        return *row->crossing.back().second;
    }

    // Depth is bounded by the longest token. `doubtful`: what was read so far may contradict registers.
    void cross(LexMask& part, uint32_t at, const Front& front, size_t depth, TokenSet& set, bool doubtful = false) {
        if (fronts_.size() <= depth) fronts_.emplace_back();
        const bool fresh = lexer_->many(part, at);
        const ByteSet wanted = fresh ? allowed(front) : ByteSet{};
        if (fresh && wanted.empty()) return;
        if (lexer_->vast(part, at)) {
            for (const auto& [byte, child] : lexer_->children(part, at, wanted))
                if (wanted.has(byte)) cross_to(part, child, byte, front, depth, set, doubtful);
            return;
        }
        const size_t children = lexer_->children(part, at).size();
        if (children == 0) return;
        const Remainder& parent = part.remainders[at];
        const ByteSet first = fresh ? wanted & parent.known : children > 1 ? allowed(front) & parent.known : parent.known;
        first.each([&](uint8_t byte) { cross_to(part, parent.child(byte), byte, front, depth, set, doubtful); });
    }

    // The same for what goes on with one byte, which leads to a remainder.
    void cross_to(LexMask& part, uint32_t child, uint8_t byte, const Front& front, size_t depth, TokenSet& set, bool doubtful) {
        Front& next = fronts_[depth];
        uncertain_ = doubtful;
        step(front, byte, next);
        if (next.dead()) return;
        const bool perhaps = uncertain_;
        ++walked_;
        const Remainder& node = lexer_->listed(part, child);
        auto& tokens = perhaps ? set.perhaps : set.extra;
        if (!node.tokens.empty() && may_end_token(next)) tokens.insert(tokens.end(), node.tokens.begin(), node.tokens.end());
        if (node.nodes_below == 0) return;
        auto one_by_one = [this](const Reading& r) { return (r.flags() & JsonMachine::kName) != 0 || near_limit(r); };
        const bool alone = perhaps || next.registers == registers_.unknown_string() || std::any_of(next.reading.begin(), next.reading.end(), one_by_one);
        if (!alone && Lexer::many_below(node)) cross_whole(part, child, next, depth, set);
        else cross(part, child, next, depth + 1, set, perhaps);
    }

    // The same where much lies below: each terminal's share is worked out, and remembered, by the lexer alone.
    void cross_whole(LexMask& part, uint32_t at, Front& front, size_t depth, TokenSet& set) {
        const std::vector<Reading> reading = std::move(front.reading);
        front.reading.clear();
        Front boundary;
        boundary.between = front.between;
        boundary.registers = front.registers;
        if (boundary.between) cross(part, at, boundary, depth + 1, set);
        for (const Reading& r : reading) {
            LexMask& below = lexer_->below(part, at, r.state);
            sets_.add(set, below);
            below.each_end([&](uint32_t end, int32_t left) { sets_.add(set, crossing(below, end, rows_.after(r.row, r.index, left), depth + 1)); });
        }
    }

    // Takes away the tokens that repeat a name, and decides those that depend on registers by reading them.
    void apply_registers(const Front& front, TokenSet& set) {
        const Trie& trie = lexer_->trie();
        std::vector<int32_t> gone;
        auto repeated = [&](const Text* so_far) {
            Registers::each_repeated(trie, front.registers, so_far, [&](uint32_t node) {
                gone.insert(gone.end(), trie.tokens.begin() + trie.nodes[node].tok, trie.tokens.begin() + trie.tokens_end(node));
            });
        };
        if (front.registers && front.registers->names) {
            for (const Reading& r : front.reading)
                if (r.flags() & JsonMachine::kName) repeated(r.text);
            if (front.between)
                for (const Expected& e : front.between->terminals)
                    if (e.flags & JsonMachine::kName) {
                        repeated(nullptr);
                        break;
                    }
        }
        if (!set.perhaps.empty()) {
            for (int32_t t : set.perhaps)
                if (readable(front, t)) set.extra.push_back(t);
            set.perhaps.clear();
            sets_.finish(set);
        }
        if (gone.empty()) return;
        const ByteSet others = besides_names(front);
        const auto otherwise = [&](int32_t t) { return others.has(trie.bytes(t)[0]) && readable(front, t); };
        gone.erase(std::remove_if(gone.begin(), gone.end(), otherwise), gone.end());
        sets_.take(set, std::move(gone));
    }

    // Bytes that what is no member's name begins with, or goes on with: no other token can be read in spite of the name that it
    // repeats. All bytes where names are at different places.
    ByteSet besides_names(const Front& front) {
        ByteSet found;
        const Text* text = nullptr;
        bool names = false;
        for (const Reading& r : front.reading) {
            if (!(r.flags() & JsonMachine::kName)) {
                found = found | lexer_->first(r.state);
                continue;
            }
            if (front.between || (names && r.text != text)) return ByteSet::all();
            names = true;
            text = r.text;
        }
        if (front.between)
            for (const Expected& e : front.between->terminals)
                if (!(e.flags & JsonMachine::kName)) found = found | lexer_->first(e.start);
        return found;
    }

    bool readable(const Front& front, int32_t token) {
        Front now = front, next;
        const Trie& trie = lexer_->trie();
        for (size_t i = 0; i < trie.length(token); ++i) {
            step(now, trie.bytes(token)[i], next);
            if (next.dead()) return false;
            std::swap(now, next);
        }
        return may_end_token(now);
    }

    void charge(const TokenSet& set) { rows_.charge(static_cast<int64_t>(set.owned.size() * 4 + set.extra.size() * 4 + sizeof(TokenSet))); }

    Rows rows_;
    Viability viability_;
    std::shared_ptr<Lexer> lexer_;
    TokenSets sets_;
    LalrMasks stacks_;
    Stable<Front> fronts_;   // scratch by depth
    Stable<Position> positions_;
    IdTable index_;
    std::vector<Reading> ended_;
    uint8_t flagged_ = 0;       // of the lexemes that ended in the last step
    bool uncertain_ = false;    // a step needed registers that were not known
    Registers registers_;
    Front scratch_[2];
    int64_t bytes_ = 0, walked_ = 0;

  public:
    int64_t walked() const { return walked_; }
};

}  // namespace guidedgen
