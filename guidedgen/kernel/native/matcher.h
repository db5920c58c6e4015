// What Python sees: a prepared vocabulary, a compiled grammar, and handles to positions. Locking lives here.
#pragma once

#include "budget.h"
#include "json_unproved.h"
#include "places.h"
#include "retired.h"
#include "shortest.h"

namespace guidedgen {

// What a thread does where it has to wait for a mutex; the binding hands the interpreter to other threads meanwhile.
inline void (*wait_for)(std::mutex&) = [](std::mutex& mutex) { mutex.lock(); };

inline std::unique_lock<std::mutex> take(std::mutex& mutex) {
    if (!mutex.try_lock()) wait_for(mutex);
    return std::unique_lock<std::mutex>(mutex, std::adopt_lock);
}

// The token trie, and the lexer that grammars of this vocabulary share until it outgrows its limit.
class Vocabulary {
  public:
    Vocabulary(const uint8_t* data, const int64_t* offsets, int32_t size)
        : trie_(std::make_shared<Trie>(data, offsets, size)) {}

    int32_t size() const { return trie_->vocab_size; }
    const Trie& trie() const { return *trie_; }
    const uint8_t* bytes(int32_t token) const { return trie_->bytes(token); }
    size_t length(int32_t token) const { return trie_->length(token); }

    std::shared_ptr<Lexer> lexer(const Limits& limits) {
        auto guard = take(mutex_);
        retired_->take_apart();
        if (lexer_) {
            auto inner = take(lexer_->mutex());
            bool full = is_full(*lexer_, limits);
            bool same = limits.expressions == limits_.expressions && limits.states == limits_.states && limits.depth == limits_.depth &&
                        limits.steps == limits_.steps && limits.milliseconds == limits_.milliseconds &&
                        limits.working_bytes() == limits_.working_bytes();
            if (!full && same) return lexer_;
        }
        limits_ = limits;
        // Grammars that use the old one keep it alive.
        lexer_ = Retired::keep(std::make_unique<Lexer>(trie_, limits, lexer_ ? lexer_->text() : nullptr), retired_);
        return lexer_;
    }

    // Whether new grammars get another lexer.
    static bool is_full(Lexer& lexer, const Limits& limits) {
        return lexer.memory() > limits.cache_bytes || lexer.expressions().size() > limits.expressions / 2;
    }
    bool in_use(const std::shared_ptr<Lexer>& lexer) {
        auto guard = take(mutex_);
        return lexer == lexer_;
    }

    // What was built of JSON's languages in the lexer in use; another one gets its own. Called in the lexer's turn.
    std::shared_ptr<JsonLanguages> languages(const std::shared_ptr<Lexer>& lexer) {
        if (!languages_ || languages_lexer_.lock() != lexer) {
            languages_ = std::make_shared<JsonLanguages>(lexer->expressions());
            languages_lexer_ = lexer;
        }
        return languages_;
    }

  private:
    std::shared_ptr<const Trie> trie_;
    std::shared_ptr<JsonLanguages> languages_;
    std::weak_ptr<Lexer> languages_lexer_;
    std::mutex mutex_;
    std::shared_ptr<Retired> retired_ = std::make_shared<Retired>();   // outlives `lexer_`
    std::shared_ptr<Lexer> lexer_;
    Limits limits_;
};

// One call from outside: alone with the lexer and all that hangs on it, with a new budget of steps.
struct Turn {
    explicit Turn(Lexer& lexer) : guard(take(lexer.mutex())) { lexer.expressions().begin(); }
    std::unique_lock<std::mutex> guard;
};

struct Handle {
    std::shared_ptr<class Grammar> grammar;
    std::shared_ptr<Arena> arena;
    Position* position = nullptr;
};

// The schema of a JSON text, and how it is written.
struct JsonSource {
    std::shared_ptr<SchemaTable> schema;
    JsonOptions options;
};

class Grammar : public std::enable_shared_from_this<Grammar> {
  public:
    // `texts`: the schemas that symbols of the table name.
    Grammar(std::shared_ptr<Vocabulary> vocabulary, const Table& table, const std::vector<JsonSource>& texts, const Limits& limits)
        : vocabulary_(std::move(vocabulary)), limits_(limits), lexer_(vocabulary_->lexer(limits)) {
        Turn turn(*lexer_);
        JsonTexts json;
        for (const JsonSource& text : texts) {
            JsonOptions options = text.options;
            options.all_containers = texts.size() > 1;
            json.add(std::make_unique<JsonMachine>(text.schema, lexer_, vocabulary_->languages(lexer_), options));
        }
        symbols_ = std::make_shared<Symbols>(table, std::move(json), lexer_);
        arena_ = std::make_shared<Arena>(symbols_);
        if (symbols_->lexes() && !arena_->viability().viable(arena_->rows().start()))
            throw UnsatisfiableError("the grammar derives no text under its lexing rules");
    }

    // The JSON texts of a schema.
    Grammar(std::shared_ptr<Vocabulary> vocabulary, std::shared_ptr<SchemaTable> schema, const JsonOptions& options, const Limits& limits)
        : vocabulary_(std::move(vocabulary)), limits_(limits), options_(options), schema_(std::move(schema)), nodes_(schema_->nodes.size()) {
        make_texts();
    }

    std::shared_ptr<void> companion;   // what the binding keeps with a grammar

    const Vocabulary& vocabulary() const { return *vocabulary_; }
    int32_t vocab_size() const { return vocabulary_->size(); }
    std::shared_ptr<SchemaTable> schema() const { return schema_; }   // nullptr: it was made from a table

    Handle start() {
        auto guard = take(mutex_);
        renew_texts();
        Turn turn(*lexer_);
        renew();
        return handle(arena_->start());
    }

    Handle advance(const Handle& from, int32_t token) {
        if (token < 0 || token >= vocab_size()) return {};
        Turn turn(*lexer_);
        for (const auto& entry : from.position->after)
            if (entry.first == token) return {from.grammar, from.arena, entry.second};
        // A named token may have bytes as well: then it can be read as either.
        Arena& arena = *from.arena;
        Position* next = vocabulary_->length(token) > 0
                             ? arena.advance(from.position, vocabulary_->bytes(token), vocabulary_->length(token), true)
                             : nullptr;
        if (Position* named = arena.advance_special(from.position, token)) next = next ? arena.either(next, named) : named;
        if (!next) return {};
        if (from.position->after.size() < kMemo) from.position->after.emplace_back(token, next);
        return settle(from.arena, next);
    }

    // A long text is read in pieces: limits are for each, and the arena may be renewed between them.
    Handle advance_bytes(const Handle& from, const uint8_t* bytes, size_t length) {
        Handle at = from;
        for (size_t begin = 0; begin == 0 || begin < length; begin += kPiece) {
            Turn turn(*lexer_);
            Position* next = at.arena->advance(at.position, bytes + begin, std::min(kPiece, length - begin), false);
            if (!next) return {};
            at = settle(at.arena, next);
        }
        return at;
    }

    const TokenSet& mask(const Handle& at) {
        if (const TokenSet* ready = at.position->mask.load(std::memory_order_acquire)) return *ready;
        Turn turn(*lexer_);
        return at.arena->mask(at.position);
    }

    // Writes the mask if it is known, without a lock; `budget` < 0: none.
    static bool fill_known(const Handle& at, int64_t budget, uint32_t* out) {
        if (budget >= 0) {
            const int64_t worst = at.position->worst.load(std::memory_order_acquire);
            if (worst < 0 || worst >= budget) return false;
        }
        const TokenSet* known = at.position->mask.load(std::memory_order_acquire);
        if (known) TokenSets::write(*known, out, at.arena->words());
        return known != nullptr;
    }

    void fill(const Handle& at, int64_t budget, uint32_t* out) {
        if (fill_known(at, budget, out)) return;
        const size_t words = at.arena->words();
        Turn turn(*lexer_);
        if (budget < 0) return TokenSets::write(at.arena->mask(at.position), out, words);
        Budget(*at.arena, vocabulary_->trie(), limits_).fill(at.position, budget, out, words);
    }

    // Grammars with the same one take turns.
    const void* turns() const { return lexer_.get(); }

    std::vector<int32_t> forced(Handle at) {
        std::vector<int32_t> tokens;
        while (!at.position->accepting && static_cast<int64_t>(tokens.size()) < limits_.forced) {
            const TokenSet& set = mask(at);
            if (!set.single()) break;
            tokens.push_back(set.extra[0]);
            at = advance(at, set.extra[0]);
        }
        return tokens;
    }

    std::vector<int32_t> shortest(const Handle& at) {
        Turn turn(*lexer_);
        return Shortest(*at.arena, vocabulary_->trie(), limits_).tokens(at.position);
    }

    ByteSet allowed(const Handle& at) {
        Turn turn(*lexer_);
        return at.arena->allowed(at.position->front);
    }

    std::vector<int32_t> labels(const Handle& at) {
        Turn turn(*lexer_);
        return Places(*at.arena).labels(at.position);
    }

    std::vector<JsonPlace> where(const Handle& at, int byte) {
        Turn turn(*lexer_);
        return Places(*at.arena).where(at.position, byte);
    }

    std::vector<std::string> unproved() {
        auto guard = take(mutex_);
        if (!symbols_) make_texts();
        Turn turn(*lexer_);
        std::vector<std::string> places;
        for (const auto& machine : symbols_->json().machines())
            for (std::string& place : JsonUnproved(*machine).places()) places.push_back(std::move(place));
        return places;
    }

    int64_t memory() {
        auto guard = take(mutex_);
        Turn turn(*lexer_);
        return symbols_ ? arena_->memory() + symbols_->memory() : 0;
    }

    // The lexer that it shares with others (a number that tells lexers apart), and its bytes where new grammars have another one: then
    // it goes with the last of its grammars.
    std::pair<uintptr_t, int64_t> lexer() {
        auto guard = take(mutex_);
        const bool current = vocabulary_->in_use(lexer_);
        Turn turn(*lexer_);
        return {reinterpret_cast<uintptr_t>(lexer_.get()), current ? 0 : lexer_->memory()};
    }

    std::vector<std::pair<const char*, int64_t>> stats() {
        auto guard = take(mutex_);
        if (!symbols_) make_texts();
        Turn turn(*lexer_);
        return {{"expressions", lexer_->expressions().size()}, {"lexer_states", lexer_->states()},
                {"nonterminals", symbols_->count()},           {"rows", arena_->rows().count()},
                {"positions", arena_->count()},                {"trie_nodes_visited", lexer_->visited()},
                {"remainder_nodes_visited", arena_->walked()}, {"bytes", arena_->memory() + symbols_->memory()},
                {"lexer_bytes", lexer_->memory()},             {"arenas", arenas_},
                {"unproved", symbols_->json().unproved()}, {"pool_bytes", static_cast<int64_t>(pool_bytes())}};
    }

  private:
    static constexpr size_t kMemo = 16;   // successors remembered per position
    static constexpr size_t kPiece = 64;   // bytes of a text that are read in one turn

    // The machine of a schema grows with what texts say, and its lexer with what all grammars ask of it. Where either takes too much and
    // no text is being read, a text begins with a new one: positions are made of the old.
    void renew_texts() {
        if (!schema_ || arena_.use_count() > 1 || symbols_.use_count() > 2) return;   // the arena holds the symbols as well
        if (symbols_) {   // else a limit was reached while a new one was made
            Turn turn(*lexer_);
            if (symbols_->memory() <= limits_.cache_bytes && !Vocabulary::is_full(*lexer_, limits_)) return;
        }
        arena_.reset();
        symbols_.reset();
        schema_->nodes.shrink(nodes_);   // without the values that texts had
        make_texts();
        ++arenas_;
    }

    void make_texts() {
        lexer_ = vocabulary_->lexer(limits_);
        Turn turn(*lexer_);
        auto machine = std::make_unique<JsonMachine>(schema_, lexer_, vocabulary_->languages(lexer_), options_);
        symbols_ = std::make_shared<Symbols>(std::move(machine), lexer_);
        arena_ = std::make_shared<Arena>(symbols_);
    }

    void renew() {
        if (arena_->memory() <= limits_.cache_bytes) return;
        arena_ = std::make_shared<Arena>(symbols_);
        ++arenas_;
    }

    Handle handle(Position* p) { return {shared_from_this(), arena_, p}; }

    Handle settle(const std::shared_ptr<Arena>& arena, Position* p) {
        renew();
        if (arena == arena_) return handle(p);
        return handle(arena_->import(p));
    }

    std::shared_ptr<Vocabulary> vocabulary_;
    Limits limits_;
    std::shared_ptr<Lexer> lexer_;
    JsonOptions options_;
    std::shared_ptr<SchemaTable> schema_;
    size_t nodes_ = 0;     // of the schema itself
    std::mutex mutex_;     // of what is renewed between texts
    std::shared_ptr<Symbols> symbols_;
    std::shared_ptr<Arena> arena_;
    int64_t arenas_ = 1;
};

}  // namespace guidedgen
