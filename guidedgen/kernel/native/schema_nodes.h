// A JSON Schema as read: one flat table of locations, keywords in the form in which they are used. No behaviour.
//
// The reader (`schema_reader.h`) fills it once, in time linear in what the root refers to; the machine (`json_*.h`) works
// out what a location means when generation reaches it. Differences between drafts end in the reader.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common.h"
#include "stable.h"

namespace guidedgen {

// A schema that cannot be used; becomes the guidedgen.errors class named by `kind`.
struct SchemaError : std::runtime_error {
    enum class Kind { Malformed, Syntax, Unsupported, Unsatisfiable };
    SchemaError(Kind kind_, const std::string& message, std::string pointer_, std::string keyword_ = "", std::string hint_ = "")
        : std::runtime_error(message), kind(kind_), pointer(std::move(pointer_)), keyword(std::move(keyword_)), hint(std::move(hint_)) {}
    Kind kind;
    std::string pointer, keyword, hint;
};

// Kinds of JSON values; integers are told from other numbers, since `type` does.
enum TypeBit : uint8_t { kNull = 1, kBoolean = 2, kInteger = 4, kFraction = 8, kString = 16, kArray = 32, kObject = 64 };
constexpr uint8_t kNumber = kInteger | kFraction;
constexpr uint8_t kAnyType = 127;

// A JSON value of an enum or const, interned: equal values (1 and 1.0, members in any order) have the same id.
struct Value {
    enum class Kind : uint8_t { Null, False, True, Number, String, Array, Object };
    explicit Value(Kind kind_) : kind(kind_) {}
    Kind kind;
    int32_t text = -1;                                  // String: its UTF-8; Number: normalised decimal, see json_values.h
    std::vector<int32_t> items;                         // Array
    std::vector<std::pair<int32_t, int32_t>> members;   // Object: key text, value; sorted by key text id
};

// Decimals are text ids of normalised numerals: "-125e-1", "0", "1e400" (json_values.h). -1: keyword absent.
struct NumberKeywords {
    int32_t minimum = -1, maximum = -1, exclusive_minimum = -1, exclusive_maximum = -1, multiple_of = -1;
};

// What the content of a string is: base64, a JSON document, or one in base64.
enum ContentBit : uint8_t { kBase64 = 1, kJsonDocument = 2 };

struct StringKeywords {
    int64_t min_length = 0, max_length = -1;
    int32_t pattern = -1;   // text id
    int32_t format = -1;    // text id of a format that is to be enforced; the reader leaves others out
    uint8_t content = 0;    // ContentBits: what draft 7 says about the text
};

struct ArrayKeywords {
    std::vector<int32_t> prefix;       // nodes of the first items
    int32_t items = -1;                // node of all items after them
    int32_t contains = -1;
    int64_t min_contains = 1, max_contains = -1;
    int64_t min_items = 0, max_items = -1;
    bool unique = false;
    int32_t unevaluated = -1;
    bool contains_evaluates = false;   // 2020-12: an item that `contains` matches counts as evaluated
};

struct ObjectKeywords {
    std::vector<std::pair<int32_t, int32_t>> properties;     // key text, node; in declared order
    std::vector<std::pair<int32_t, int32_t>> patterns;       // pattern text, node
    int32_t additional = -1;
    int32_t names = -1;
    std::vector<int32_t> required;                           // key texts
    int64_t min_properties = 0, max_properties = -1;
    std::vector<std::pair<int32_t, std::vector<int32_t>>> dependent_required;
    std::vector<std::pair<int32_t, int32_t>> dependent_schemas;
    int32_t unevaluated = -1;
};

struct InPlaceKeywords {
    std::vector<int32_t> all_of, any_of, one_of;
    int32_t not_ = -1, if_ = -1, then_ = -1, else_ = -1;
    int32_t ref = -1;           // node that $ref points to
    int32_t dynamic = -1;       // node that $dynamicRef or $recursiveRef points to at first
    int32_t anchor = -1;        // text of the dynamic anchor to look for; -1: the reference is an ordinary one
};

struct SchemaNode {
    int8_t always = -1;                 // 1: the schema true (or {}), 0: false, -1: look at the keywords
    uint8_t types = kAnyType;
    bool digits_only = false;           // draft 4: 1.0 is no integer
    int32_t place = 0;                  // where it stands: SchemaTable::pointer(place) is its JSON pointer
    int32_t resource = 0;               // the schema resource it belongs to, for the dynamic scope
    bool has_values = false;            // enum or const is there
    std::vector<int32_t> values;        // ids of the values that both allow
    std::unique_ptr<NumberKeywords> number;
    std::unique_ptr<StringKeywords> string;
    std::unique_ptr<ArrayKeywords> array;
    std::unique_ptr<ObjectKeywords> object;
    std::unique_ptr<InPlaceKeywords> in_place;
};

struct Resource {
    std::unordered_map<int32_t, int32_t> dynamic_anchors;   // anchor text -> node ($recursiveAnchor: anchor "")
};

enum class Treatment : uint8_t { Exact, Guarded, Validated, Annotation, Relaxed };

// Why a keyword is no assertion; schema_report.h has the words.
enum class Reason : uint8_t { None, OtherDraft, BesideRef, NoEffect, Unknown, FormatUnknown, FormatOff, ContentUnknown, NoVocabulary, Detail };

// One keyword of one location. Words are only made when somebody asks for the report.
struct KeywordMark {
    int32_t node;
    int32_t keyword;        // Keyword of schema_keywords.h; unknown ones are ~text
    Treatment treatment;
    Reason reason;
    int16_t draft;
    int32_t detail;         // text, or -1
};

// A step from one place of a document to a place in it. Pointers are made from them where somebody wants to read one:
// written out for each location they could take the square of the schema's size.
struct Place {
    int32_t parent;         // -1: the root of a document
    int32_t token;          // text: key or index; for a root its URI, "" for the schema itself
    int32_t depth;
};

// Texts come from people: which of them share a slot must not be theirs to choose.
inline const uint64_t kTextSeed = (static_cast<uint64_t>(std::random_device{}()) << 32) | std::random_device{}();

// Texts by number. Ids are given in the order of first mention.
class TextTable {
  public:
    const std::string& operator[](int32_t id) const { return texts_[static_cast<size_t>(id)]; }
    int32_t size() const { return static_cast<int32_t>(texts_.size()); }
    int64_t bytes() const { return bytes_ + static_cast<int64_t>(texts_.size() * (sizeof(std::string) + 8) + slots_.size() * 4); }

    int32_t intern(std::string_view text) {
        if ((texts_.size() + 1) * 2 > slots_.size()) grow();
        uint64_t hash = hash_of(text);
        size_t at = slot(text, hash);
        if (slots_[at] >= 0) return slots_[at];
        slots_[at] = size();
        texts_.emplace_back(text);
        hashes_.push_back(hash);
        bytes_ += static_cast<int64_t>(text.size());
        return slots_[at];
    }

    int32_t find(std::string_view text) const { return slots_.empty() ? -1 : slots_[slot(text, hash_of(text))]; }

    static uint64_t hash_of(std::string_view text) {
        uint64_t hash = text.size() ^ kTextSeed;
        const char* data = text.data();
        size_t left = text.size();
        for (; left >= 8; data += 8, left -= 8) hash = mix(hash, word(data, 8));
        return left ? mix(hash, word(data, left)) : hash;
    }

  private:
    static uint64_t word(const char* data, size_t count) {
        uint64_t value = 0;
        std::memcpy(&value, data, count);
        return value;
    }
    size_t slot(std::string_view text, uint64_t hash) const {
        size_t at = hash & (slots_.size() - 1);
        while (slots_[at] >= 0) {
            size_t id = static_cast<size_t>(slots_[at]);
            if (hashes_[id] == hash && texts_[id] == text) break;
            at = (at + 1) & (slots_.size() - 1);
        }
        return at;
    }
    void grow() {
        slots_.assign(slots_.empty() ? 128 : slots_.size() * 2, -1);
        for (size_t id = 0; id < hashes_.size(); ++id) {
            size_t at = hashes_[id] & (slots_.size() - 1);
            while (slots_[at] >= 0) at = (at + 1) & (slots_.size() - 1);
            slots_[at] = static_cast<int32_t>(id);
        }
    }

    Stable<std::string> texts_;
    std::vector<uint64_t> hashes_;
    std::vector<int32_t> slots_;
    int64_t bytes_ = 0;
};

// A key as a token of a JSON pointer (RFC 6901, section 3).
inline std::string pointer_token(const std::string& key) {
    std::string result;
    for (char c : key) result += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return result;
}

class SchemaTable {
  public:
    SchemaTable() = default;
    SchemaTable(const SchemaTable&) = delete;
    SchemaTable& operator=(const SchemaTable&) = delete;

    Stable<SchemaNode> nodes;   // references stay good while synthetic nodes are added
    std::vector<Value> values;
    std::vector<Resource> resources;
    std::vector<KeywordMark> marks;
    std::vector<Place> places;
    int32_t root = 0;
    bool dynamic = false;               // some reference depends on the dynamic scope
    std::unordered_map<int32_t, std::string> formats;   // by name: patterns of whole texts that replace or add to the standard ones

    const std::string& text(int32_t id) const { return texts_[id]; }
    int32_t texts() const { return texts_.size(); }
    int32_t intern(std::string_view text) { return texts_.intern(text); }

    // The id of a text, or -1 where the schema never mentions it.
    int32_t find(std::string_view text) const { return texts_.find(text); }

    int32_t intern(Value value);              // in json_values.h
    int32_t find(const Value& value) const;   // an equal value's id, or -1

    // The place of a key or index below a place, or of a document (parent -1).
    int32_t place(int32_t parent, int32_t token) {
        if ((places.size() + 1) * 2 > place_slots_.size()) grow_places();
        size_t at = place_slot(parent, token);
        if (place_slots_[at] < 0) {
            place_slots_[at] = static_cast<int32_t>(places.size());
            places.push_back(Place{parent, token, parent < 0 ? 0 : places[static_cast<size_t>(parent)].depth + 1});
        }
        return place_slots_[at];
    }

    // JSON pointer (RFC 6901) of a place; behind the document's URI in angle brackets where that is not the schema itself.
    std::string pointer(int32_t place) const {
        std::vector<int32_t> tokens;
        const Place* at = &places[static_cast<size_t>(place)];
        for (; at->parent >= 0; at = &places[static_cast<size_t>(at->parent)]) tokens.push_back(at->token);
        std::string result = text(at->token).empty() ? "" : "<" + text(at->token) + ">";
        for (size_t i = tokens.size(); i-- > 0;) {
            result += '/';
            result += pointer_token(text(tokens[i]));
        }
        return result;
    }
    std::string pointer_of(int32_t node) const { return pointer(nodes[static_cast<size_t>(node)].place); }

    int64_t memory() const {
        size_t bytes = nodes.size() * sizeof(SchemaNode) + values.capacity() * sizeof(Value) + marks.capacity() * sizeof(KeywordMark) +
                       places.capacity() * sizeof(Place) + (place_slots_.size() + value_slots_.size()) * sizeof(int32_t) +
                       value_hashes_.capacity() * sizeof(uint64_t);
        for (const SchemaNode& n : nodes)
            bytes += n.values.capacity() * 4 + (n.number ? sizeof(NumberKeywords) : 0) + (n.string ? sizeof(StringKeywords) : 0) +
                     (n.array ? sizeof(ArrayKeywords) + n.array->prefix.capacity() * 4 : 0) +
                     (n.object ? sizeof(ObjectKeywords) + (n.object->properties.capacity() + n.object->patterns.capacity()) * 8 : 0) +
                     (n.in_place ? sizeof(InPlaceKeywords) : 0);
        for (const Value& v : values) bytes += v.items.capacity() * 4 + v.members.capacity() * 8;
        return static_cast<int64_t>(bytes) + texts_.bytes();
    }

  private:
    size_t place_slot(int32_t parent, int32_t token) const {
        uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(parent)) << 32 | static_cast<uint32_t>(token);
        size_t at = mix(0, key) & (place_slots_.size() - 1);
        while (place_slots_[at] >= 0) {
            const Place& known = places[static_cast<size_t>(place_slots_[at])];
            if (known.parent == parent && known.token == token) break;
            at = (at + 1) & (place_slots_.size() - 1);
        }
        return at;
    }
    void grow_places() {
        place_slots_.assign(place_slots_.empty() ? 128 : place_slots_.size() * 2, -1);
        for (size_t i = 0; i < places.size(); ++i) place_slots_[place_slot(places[i].parent, places[i].token)] = static_cast<int32_t>(i);
    }
    size_t value_slot(const Value& value, uint64_t hash) const;
    static uint64_t value_hash(const Value& value);

    TextTable texts_;
    std::vector<int32_t> place_slots_, value_slots_;
    std::vector<uint64_t> value_hashes_;
};

}  // namespace guidedgen
