// What a position in a JSON text remembers beside its rows: the undeclared names of each open object, and the text of the
// item that is being read in each open array whose items have to differ.
//
// Registers are immutable and hash-consed, and never part of what masks are remembered by: a mask is worked out without
// them, and the few tokens that they rule out are taken away afterwards.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "common.h"
#include "name_reader.h"
#include "paged.h"
#include "stable.h"
#include "trie.h"
#include "work.h"

namespace guidedgen {

// Bytes that were read since some point, last one first.
struct Text {
    const Text* before;
    uint8_t byte;
    int32_t length;
};

// Names that came in an object, last one first.
struct Names {
    const Names* before;
    std::string name;   // unescaped
    mutable const NameEnds::Nodes* quoted = nullptr;   // memos of Registers::each_repeated, for the whole name
    mutable const NameEnds::Nodes* inside = nullptr;
};

// One open container that has something to remember.
struct Register {
    const Register* outer;
    bool array;
    bool inside_array;      // this one or one around it is an array: bytes are being kept
    const Names* names;     // objects
    const Text* item;       // arrays: the item so far, with whitespace around it
};

inline std::string bytes_of(const Text* text) {
    std::string bytes(static_cast<size_t>(text ? text->length : 0), '\0');
    for (size_t i = bytes.size(); text; text = text->before) bytes[--i] = static_cast<char>(text->byte);
    return bytes;
}

inline NameReader name_in(const Text* text) {
    NameReader reader;
    for (char c : bytes_of(text)) reader.read(static_cast<uint8_t>(c));
    return reader;
}

class Registers {
  public:
    explicit Registers(Work& work) : work_(work) {}

    // Stands for registers that are not known, where masks are worked out without them.
    const Register* unknown() const { return &unknown_; }
    // The same in an item that any string may be but those that came: JsonMachine::takes_any_string.
    const Register* unknown_string() const { return &unknown_string_; }
    // Stands for registers that nothing is kept in until no JSON text is being read.
    static const Register* lost() {
        static const Register none{nullptr, false, false, nullptr, nullptr};
        return &none;
    }
    static bool lost(const Register* r) { return r == lost(); }
    bool is_unknown(const Register* r) const { return r == &unknown_ || r == &unknown_string_; }
    int64_t memory() const { return bytes_; }

    const Text* extend(const Text* text, uint8_t byte) {
        const uint64_t h = mix(reinterpret_cast<uintptr_t>(text), byte);
        const int32_t known = text_index_.find(h, [&](int32_t id) {
            const Text& t = texts_[static_cast<size_t>(id)];
            return t.before == text && t.byte == byte;
        });
        if (known >= 0) return &texts_[static_cast<size_t>(known)];
        texts_.push_back({text, byte, text ? text->length + 1 : 1});
        text_index_.insert(h, static_cast<int32_t>(texts_.size()) - 1);
        take(sizeof(Text) + 48);
        return &texts_.back();
    }

    const Register* open(const Register* outer, bool array) { return intern({outer, array, array || (outer && outer->inside_array), nullptr, nullptr}); }

    const Register* with_name(const Register* r, const std::string& name) {
        if (has(r, name)) return r;
        const uint64_t h = mix(reinterpret_cast<uintptr_t>(r->names), std::hash<std::string>()(name));
        const Names* found = nullptr;
        for (const Names* known : name_index_[h])
            if (known->before == r->names && known->name == name) found = known;
        if (!found) {
            names_.push_back({r->names, name});
            found = &names_.back();
            name_index_[h].push_back(found);
            take(sizeof(Names) + name.size() + 48);
        }
        Register next = *r;
        next.names = found;
        return intern(next);
    }

    static bool has(const Register* r, const std::string& name) {
        for (const Names* n = r->names; n; n = n->before)
            if (n->name == name) return true;
        return false;
    }

    // One more byte for every array that keeps its item.
    const Register* append(const Register* r, uint8_t byte) {
        // Outermost last: a text may nest deeper than a stack is.
        std::vector<const Register*> open;
        for (; r && r->inside_array && !is_unknown(r); r = r->outer) open.push_back(r);
        work_.spend(static_cast<int64_t>(open.size()) * kEach);
        const Register* outer = r;
        for (size_t i = open.size(); i-- > 0;) {
            Register next = *open[i];
            next.outer = outer;
            if (next.array) next.item = extend(next.item, byte);
            outer = intern(next);
        }
        return outer;
    }

    const Register* next_item(const Register* r) {
        Register next = *r;
        next.item = nullptr;
        return intern(next);
    }

    // The same of another arena.
    const Register* import(const Register* r) {
        if (lost(r)) return r;
        std::vector<const Register*> open;
        for (; r; r = r->outer) open.push_back(r);
        const Register* outer = nullptr;
        for (size_t i = open.size(); i-- > 0;) outer = import(*open[i], outer);
        return outer;
    }

    const Text* import(const Text* text) {
        const Text* made = nullptr;
        for (char c : bytes_of(text)) made = extend(made, static_cast<uint8_t>(c));
        return made;
    }

    // Calls `found` with every node of a vocabulary's tree whose bytes complete a name that an object has already.
    // `so_far`: what was read of the member's lexeme. Few tokens hold a whole name; which do is remembered with the name.
    template <class F>
    static void each_repeated(const Trie& trie, const Register* r, const Text* so_far, F found) {
        const NameReader start = name_in(so_far);
        if (start.where == NameReader::Where::After) return;
        for (const Names* n = r->names; n; n = n->before) {
            if (start.where == NameReader::Where::Before) {
                if (!n->quoted) n->quoted = &trie.name_ends.quoted(n->name);
                for (uint32_t node : *n->quoted) found(node);
            } else if (start.escaping()) {
                if (!start.begins(n->name)) continue;
                for (uint32_t c = 1; c < trie.nodes.size(); c = trie.nodes[c].skip) descend(trie, c, start, n->name, found);
            } else if (start.name.empty()) {
                if (!n->inside) n->inside = &trie.name_ends.inside(n->name);
                for (uint32_t node : *n->inside) found(node);
            } else if (start.begins(n->name)) {
                for (uint32_t node : trie.name_ends.inside(n->name.substr(start.name.size()))) found(node);
            }
        }
    }

  private:
    static constexpr int64_t kEach = 4;   // steps that a byte costs for each container that keeps it

    const Register* import(const Register& r, const Register* outer) {
        Register next = r;
        next.outer = outer;
        next.names = nullptr;
        next.item = import(r.item);
        const Register* made = intern(next);
        std::vector<const std::string*> names;
        for (const Names* n = r.names; n; n = n->before) names.push_back(&n->name);
        for (size_t i = names.size(); i-- > 0;) made = with_name(made, *names[i]);
        return made;
    }

    void take(size_t bytes) {
        work_.hold(static_cast<int64_t>(bytes));
        bytes_ += static_cast<int64_t>(bytes);
    }

    // `before`: inside a name, in the midst of an escape.
    template <class F>
    static void descend(const Trie& trie, uint32_t node, const NameReader& before, const std::string& name, F& found) {
        if (before.escaping() && !before.may_escape(trie.nodes[node].byte)) return;
        NameReader reader = before;
        reader.read(trie.nodes[node].byte);
        if (reader.where == NameReader::Where::After) {
            if (reader.name == name) found(node);
            return;
        }
        if (!reader.begins(name)) return;
        for (uint32_t c = node + 1; c < trie.nodes[node].skip; c = trie.nodes[c].skip) descend(trie, c, reader, name, found);
    }

    const Register* intern(const Register& r) {
        const uint64_t kept = mix(reinterpret_cast<uintptr_t>(r.names), reinterpret_cast<uintptr_t>(r.item));
        const uint64_t h = mix(mix(reinterpret_cast<uintptr_t>(r.outer), r.array), kept);
        auto& bucket = index_[h];
        for (const Register* known : bucket)
            if (known->outer == r.outer && known->array == r.array && known->names == r.names && known->item == r.item) return known;
        registers_.push_back(r);
        bucket.push_back(&registers_.back());
        take(sizeof(Register) + 48);
        return bucket.back();
    }

    Work& work_;
    Register unknown_{nullptr, false, false, nullptr, nullptr}, unknown_string_ = unknown_;
    Stable<Text> texts_;
    Stable<Names> names_;
    Stable<Register> registers_;
    IdTable text_index_;
    std::unordered_map<uint64_t, std::vector<const Names*>> name_index_;
    std::unordered_map<uint64_t, std::vector<const Register*>> index_;
    int64_t bytes_ = 0;
};

}  // namespace guidedgen
