// The byte-shortest completion of a position, spelled with the fewest tokens.
//
// Of several byte-shortest completions it is the one whose first byte ranks first (Lexer::rank; special tokens come after
// bytes, by id), and so on: what remains of it after any of its tokens is the shortest completion there, so each token of
// it leaves exactly one fewer to come. Exact distances guide the way: bytes left in the terminals that are being read, and
// the least cost of what follows them; so the text is written without search.
#pragma once

#include "positions.h"

namespace guidedgen {

class Shortest {
  public:
    static constexpr int32_t kUnspellable = Spelling::kUnspellable;

    Shortest(Arena& arena, const Trie& trie, const Limits& limits) : arena_(arena), trie_(trie), limits_(limits), spelling_(trie) {}

    std::vector<int32_t> tokens(Position* p) {
        const std::vector<Piece> pieces = completion(p->front);
        std::vector<int32_t> result;
        if (counted()) {
            if (by_reading(p, pieces, &result) == kUnspellable) throw SpellingError({pieces[0].text.begin(), pieces[0].text.end()});
            return result;
        }
        for (const Piece& piece : pieces) {
            if (spelling_.fewest(piece.text, &result) == kUnspellable) throw SpellingError({piece.text.begin(), piece.text.end()});
            if (piece.token >= 0) result.push_back(piece.token);
        }
        return result;
    }

    // How many tokens that are.
    int32_t need(Position* p) {
        if (p->need >= 0) return p->need;
        const std::vector<Piece> pieces = completion(p->front);
        if (counted()) return p->need = by_reading(p, pieces, nullptr);
        int64_t sum = 0;
        for (const Piece& piece : pieces) {
            const int32_t tokens = spelling_.fewest(piece.text, nullptr);
            if (tokens == kUnspellable) return p->need = kUnspellable;
            sum += tokens + (piece.token >= 0);
        }
        return p->need = static_cast<int32_t>(sum);
    }

    // Bytes of the shortest completion; a special token counts as one.
    int64_t cost(const Front& front) {
        int64_t best = front.between ? arena_.viability().cost(front.between) : kFar;
        const bool tight = some_tight(front);
        for (const Reading& r : front.reading)
            if (!tight || arena_.viability().tight(r.row, r.index)) best = std::min(best, cost(r));
        if (tight && best >= kFar)   // the tight ways end nowhere from here
            for (const Reading& r : front.reading) best = std::min(best, cost(r));
        return best;
    }

    // Whether a completion keeps to ways that are tight, see Viability.
    bool some_tight(const Front& front) {
        if (!arena_.rows().symbols().has_lalr() || !arena_.rows().symbols().lexes()) return false;
        const auto tight = [this](const Reading& r) { return arena_.viability().tight(r.row, r.index); };
        return front.between || std::any_of(front.reading.begin(), front.reading.end(), tight);
    }

    int64_t cost(const Reading& r) {
        return arena_.viability().cost(r.state, r.row, r.index);
    }

  private:
    static constexpr int64_t kBytesEach = 16;   // memory that writing one byte of the text takes

    struct Piece {
        std::vector<uint8_t> text;
        int32_t token = -1;   // a special token behind the text
    };

    // A terminal on a shortest way: its automaton's state, and the bytes that are left of it.
    struct Way {
        Reading reading;
        int32_t left;
    };

    [[noreturn]] static void too_large(const char* limit, int64_t value) {
        throw LimitError(limit, static_cast<double>(value), "the shortest completion is very long");
    }

    void check_size(int64_t cost) const {
        if (cost > limits_.steps) too_large("steps", limits_.steps);
        if (cost > limits_.working_bytes() / kBytesEach) too_large("cache_bytes", limits_.cache_bytes);
    }

    std::vector<Piece> completion(const Front& front) {
        if (needs_registers(front)) return json_completion(front);
        if (arena_.rows().symbols().lexes()) return obliged_completion(front);
        std::vector<Piece> pieces(1);
        int64_t left = cost(front);
        check_size(left);
        const int64_t before = arena_.memory();
        Row* row = front.between && arena_.rows().cost(front.between) == left ? front.between : nullptr;
        ways_.clear();
        for (const Reading& r : front.reading)
            if (cost(r) == left && arena_.lexer().distance(r.state) > 0) ways_.push_back({r, arena_.lexer().distance(r.state)});
        for (; left > 0; --left) {
            arena_.lexer().expressions().spend(1);
            if (row) begin_terminals(row, left);
            if (!ways_.empty()) {
                row = read_byte(pieces.back().text);
            } else {
                row = read_token(row, left, pieces.back().token);
                pieces.emplace_back();
            }
            if (arena_.memory() - before > limits_.working_bytes()) too_large("cache_bytes", limits_.cache_bytes);
        }
        return pieces;
    }

    // Byte by byte: what is left of a text, and may follow it, depends on the obligations that it ends with.
    std::vector<Piece> obliged_completion(const Front& front) {
        Front now = front, next;
        std::vector<Piece> pieces(1);
        const int64_t before = arena_.memory();
        int64_t left = cost(front);
        check_size(left);
        for (; left > 0; --left) {
            arena_.lexer().expressions().spend(1);
            int byte = nearer_byte(now, left - 1);
            if (byte < 0 && arena_.rows().symbols().has_lalr()) {   // a way was met that is shorter than those that are tight
                left = cost(now);
                if (left == 0) break;
                byte = nearer_byte(now, left - 1);
            }
            if (byte >= 0) {
                pieces.back().text.push_back(static_cast<uint8_t>(byte));
                arena_.step(now, static_cast<uint8_t>(byte), next);
                std::swap(now, next);
            } else {
                now.between = read_token(now.between, left, pieces.back().token);
                now.reading.clear();
                pieces.emplace_back();
            }
            if (arena_.memory() - before > limits_.working_bytes()) too_large("cache_bytes", limits_.cache_bytes);
        }
        return pieces;
    }

    // The first byte in rank after which `left` bytes complete the text; -1: there is none.
    int nearer_byte(const Front& front, int64_t left) {
        Lexer& lexer = arena_.lexer();
        int best = -1;
        auto consider = [&](LexState* s, Row* row, uint32_t index) {
            lexer.prune(s);
            for (size_t i = 0; i < s->edges.size(); ++i) {
                const uint8_t byte = Lexer::pleasant(s->edges[i].bytes);
                if (best >= 0 && Lexer::rank(byte) >= Lexer::rank(static_cast<uint8_t>(best))) continue;
                if (arena_.viability().cost(lexer.target(s, i), row, index) == left) best = byte;
            }
        };
        for (bool tight : {some_tight(front), false}) {
            auto fits = [&](Row* row, uint32_t index) { return !tight || arena_.viability().tight(row, index); };
            for (const Reading& r : front.reading)
                if (fits(r.row, r.index)) consider(r.state, r.row, r.index);
            if (Row* row = front.between) {
                arena_.viability().settle(row);
                for (uint32_t i = 0; i < row->terminals.size(); ++i)
                    if (fits(row, i)) consider(row->terminals[i].start, row, i);
            }
            if (best >= 0 || !tight) break;
        }
        return best;
    }

    // Lexeme by lexeme, each time the one that leaves least. JSON is read without ambiguity, so no ways are kept side by side;
    // registers rule out names that came already.
    std::vector<Piece> json_completion(const Front& front) {
        Front now = front, next;
        std::vector<Piece> pieces(1);
        const int64_t before = arena_.memory();
        check_size(cost(front));
        while (!(now.between && (arena_.rows().close(now.between), now.between->accepting))) {
            if (token_is_cheapest(now)) {
                Row* after = read_token(now.between, arena_.rows().cost(now.between), pieces.back().token);
                pieces.emplace_back();
                now = {};
                now.between = after;
                continue;
            }
            std::vector<uint8_t>& text = pieces.back().text;
            LexState* state = cheapest_lexeme(now);
            if (!state) throw std::logic_error("a row of JSON without completion");
            bool first = true;
            for (int32_t left = lexeme_length(state); left > 0; --left, first = false) {
                arena_.lexer().expressions().spend(1);
                const uint8_t byte = first && state->accepting ? arena_.lexer().first_byte(state, left) : arena_.lexer().nearest_byte(state);
                text.push_back(byte);
                arena_.step(now, byte, next);
                if (next.dead()) throw std::logic_error("a completion that cannot be read");
                std::swap(now, next);
                state = arena_.lexer().next(state, byte);
            }
            if (arena_.memory() - before > limits_.working_bytes()) too_large("cache_bytes", limits_.cache_bytes);
            check_size(static_cast<int64_t>(text.size()));
        }
        return pieces;
    }

    // Whether costs say nothing of names and items that came: then the registers have to.
    bool needs_registers(const Front& front) {
        Symbols& symbols = arena_.rows().symbols();
        if (!symbols.has_json()) return false;
        if (!symbols.mixed() || symbols.json().demands_different()) return true;
        const Register* r = front.registers;
        while (r && !r->names && !r->item) r = r->outer;
        return r != nullptr;
    }

    // Whether a special token begins a completion that is shorter than all others.
    bool token_is_cheapest(const Front& front) {
        Rows& rows = arena_.rows();
        if (!front.between || front.between->tokens.empty() || rows.cost(front.between) > cost(front)) return false;
        return std::any_of(front.between->tokens.begin(), front.between->tokens.end(), [&](const ExpectedTokens& e) {
            return 1 + rows.cost(rows.make(e.after)) == rows.cost(front.between);
        });
    }

    int32_t lexeme_length(LexState* state) { return state->accepting ? length_of_nonempty(state) : arena_.lexer().distance(state); }

    LexState* cheapest_lexeme(const Front& front) {
        Rows& rows = arena_.rows();
        LexState* best_state = nullptr;
        int64_t best = kFar;
        auto consider = [&](LexState* state, const Reading& r) {
            if (r.flags() & JsonMachine::kName) state = without_names(state, r.text, front.registers);
            if (!state || !arena_.lexer().can_continue(state)) return;
            const int64_t total = lexeme_length(state) + rows.cost(rows.after(r.row, r.index));
            if (total >= best) return;
            best = total;
            best_state = state;
        };
        // A lexeme that may end here does: going on costs at least a byte, and what the registers rule out behind it is only known
        // where it ends, so the costs of going on and of ending cannot be compared.
        const bool ends = front.registers && front.between && (rows.close(front.between), !front.between->terminals.empty());
        for (const Reading& r : front.reading)
            if (!ends || !r.state->accepting) consider(r.state, r);
        if (Row* row = front.between) {
            // Nothing is cheaper than the row, so what costs as much ends the search: to know what all others cost may be work.
            const int64_t least = rows.cost(row);
            for (bool closing : {true, false})
                for (uint32_t i = 0; i < row->terminals.size() && best > least; ++i) {
                    LexState* start = row->terminals[i].start;
                    const ByteSet& first = arena_.lexer().first(start);
                    if ((first.has('}') || first.has(']')) == closing) consider(start, {nullptr, row, i});
                }
        }
        return best_state;
    }

    // The lexeme of a member's name from a state of it on, without the names that came already.
    LexState* without_names(LexState* state, const Text* so_far, const Register* registers) {
        if (!registers || !registers->names) return state;
        Lexer& lexer = arena_.lexer();
        LexState* named = lexer.state(arena_.rows().symbols().json().named(registers->names));
        for (char c : bytes_of(so_far))
            if (!(named = lexer.next(named, static_cast<uint8_t>(c)))) return state;   // differs from all of them
        Expressions& e = lexer.expressions();
        LexState* made = lexer.state(e.both({state->expr, e.negate(named->expr)}));
        return lexer.alive(made) ? made : nullptr;
    }

    // The terminals that a cheapest completion of `row` may begin with. One that is read at all takes at least one byte;
    // the empty text was considered when the row was closed.
    void begin_terminals(Row* row, int64_t cost) {
        Rows& rows = arena_.rows();
        Lexer& lexer = arena_.lexer();
        rows.close(row);
        for (uint32_t i = 0; i < row->terminals.size(); ++i) {
            LexState* start = row->terminals[i].start;
            const int32_t length = start->accepting ? length_of_nonempty(start) : lexer.distance(start);
            if (length + rows.cost(rows.after(row, i)) == cost) ways_.push_back({{start, row, i}, length});
        }
    }

    int32_t length_of_nonempty(LexState* start) {
        Lexer& lexer = arena_.lexer();
        lexer.prune(start);
        int32_t best = INT32_MAX - 1;
        for (size_t i = 0; i < start->edges.size(); ++i) best = std::min(best, lexer.distance(lexer.target(start, i)));
        return best + 1;
    }

    // Reads the first byte in rank, keeps the ways that can, and returns the row behind those that end with it.
    Row* read_byte(std::vector<uint8_t>& text) {
        Lexer& lexer = arena_.lexer();
        int byte = -1;
        for (const Way& w : ways_) {
            LexState* s = w.reading.state;
            const uint8_t first = s->accepting ? lexer.first_byte(s, w.left) : lexer.nearest_byte(s);
            if (byte < 0 || Lexer::rank(first) < Lexer::rank(static_cast<uint8_t>(byte))) byte = first;
        }
        text.push_back(static_cast<uint8_t>(byte));
        ended_.clear();
        size_t kept = 0;
        for (size_t i = 0; i < ways_.size(); ++i) {
            Way w = ways_[i];
            w.reading.state = lexer.next(w.reading.state, static_cast<uint8_t>(byte));
            if (!w.reading.state || lexer.distance(w.reading.state) != --w.left) continue;
            if (w.left == 0) ended_.push_back(w.reading);
            else ways_[kept++] = w;
        }
        ways_.resize(kept);
        if (ways_.size() > kFew) drop_duplicates();
        return behind_ended();
    }

    Row* behind_ended() {
        Rows& rows = arena_.rows();
        if (ended_.empty()) return nullptr;
        if (ended_.size() == 1) return rows.after(ended_[0].row, ended_[0].index);
        std::vector<Item> items;
        for (const Reading& r : ended_) {
            const std::vector<Item> after = rows.after_items(r.row, r.index);
            items.insert(items.end(), after.begin(), after.end());
        }
        return rows.make(std::move(items));
    }

    void drop_duplicates() {
        auto key = [](const Way& w) { return std::make_tuple(w.reading.row->id, w.reading.index, w.reading.state->id); };
        std::sort(ways_.begin(), ways_.end(), [&](const Way& a, const Way& b) { return key(a) < key(b); });
        ways_.erase(std::unique(ways_.begin(), ways_.end(), [&](const Way& a, const Way& b) { return key(a) == key(b); }), ways_.end());
    }

    // The first special token that a cheapest completion may begin with, and the row behind it.
    Row* read_token(Row* row, int64_t cost, int32_t& token) {
        Rows& rows = arena_.rows();
        auto cheapest = [&](const ExpectedTokens& e) { return 1 + arena_.viability().cost(rows.make(e.after)) == cost; };
        const size_t count = row ? row->tokens.size() : 0;
        for (size_t i = 0; i < count; ++i) {
            if (!cheapest(row->tokens[i])) continue;
            for (int32_t t : rows.symbols().token_list(row->tokens[i].list))
                if (token < 0 || t < token) token = t;
        }
        if (token < 0) throw std::logic_error("a row without completion");
        std::vector<Item> items;
        for (size_t i = 0; i < count; ++i) {
            const auto& list = rows.symbols().token_list(row->tokens[i].list);
            if (std::find(list.begin(), list.end(), token) != list.end() && cheapest(row->tokens[i]))
                items.insert(items.end(), row->tokens[i].after.begin(), row->tokens[i].after.end());
        }
        return rows.make(std::move(items));
    }

    // Whether it matters for what may come which tokens a text is made of.
    bool counted() { return arena_.rows().symbols().has_limits(); }

    // A way to read the first bytes of a text.
    struct Read {
        Position* at;
        int32_t count, token;   // how many tokens it takes, and the last one
        size_t from, before;    // where that begins, and which of the ways to get there it continues
    };

    // The fewest tokens that spell the pieces and can be read one after another; they are appended to `out` where it is given.
    int32_t by_reading(Position* p, const std::vector<Piece>& pieces, std::vector<int32_t>* out) {
        int32_t sum = 0;
        for (const Piece& piece : pieces) {
            const std::vector<std::vector<Read>> ways = read_all(p, piece.text);
            const Read* best = nullptr;
            for (const Read& way : ways.back()) {
                const bool ends = piece.token < 0 ? way.at->accepting : arena_.advance_special(way.at, piece.token) != nullptr;
                if (ends && (!best || way.count < best->count)) best = &way;
            }
            if (!best) return kUnspellable;
            sum += best->count + (piece.token >= 0);
            p = piece.token < 0 ? best->at : arena_.advance_special(best->at, piece.token);
            if (!out) continue;
            const size_t first = out->size();
            for (const Read* way = best; way->count > 0; way = &ways[way->from][way->before]) out->push_back(way->token);
            std::reverse(out->begin() + static_cast<ptrdiff_t>(first), out->end());
            if (piece.token >= 0) out->push_back(piece.token);
        }
        return sum;
    }

    // By offset: the positions that tokens lead to, each by the fewest of them.
    std::vector<std::vector<Read>> read_all(Position* p, const std::vector<uint8_t>& text) {
        std::vector<std::vector<Read>> ways(text.size() + 1);
        ways[0].push_back({p, 0, -1, 0, 0});
        for (size_t i = 0; i < text.size(); ++i)
            for (size_t k = 0; k < ways[i].size(); ++k) {
                const Read way = ways[i][k];
                uint32_t node = 0;
                for (size_t j = i; j < text.size() && (node = child_of(trie_, node, text[j])); ++j) {
                    if (!trie_.nodes[node].ntok) continue;
                    Position* next = arena_.advance(way.at, text.data() + i, j + 1 - i, true);
                    if (next) note(ways[j + 1], {next, way.count + 1, trie_.tokens[trie_.nodes[node].tok], i, k});
                }
            }
        return ways;
    }

    static void note(std::vector<Read>& ways, const Read& made) {
        auto known = std::find_if(ways.begin(), ways.end(), [&](const Read& way) { return way.at == made.at; });
        if (known == ways.end()) ways.push_back(made);
        else if (made.count < known->count) *known = made;
    }

    static constexpr size_t kFew = 8;

    Arena& arena_;
    const Trie& trie_;
    const Limits& limits_;
    std::vector<Way> ways_;
    std::vector<Reading> ended_;
    Spelling spelling_;
};

}  // namespace guidedgen
