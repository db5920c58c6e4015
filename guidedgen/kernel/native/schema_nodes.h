// A JSON Schema as read: one flat table of locations, keywords in the form in which they are used. No behaviour.
//
// The reader (`schema_reader.h`) fills it once, in time linear in what the root refers to; the machine (`json_*.h`) works
// out what a location means when generation reaches it. Differences between drafts end in the reader.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

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
    Kind kind;
    int32_t text = -1;                                  // String: its UTF-8; Number: normalised decimal, see SchemaTable::number
    std::vector<int32_t> items;                         // Array
    std::vector<std::pair<int32_t, int32_t>> members;   // Object: key text, value; sorted by key text id
};

// Decimals are text ids: normalised numerals "-12.5", "0", "1e400" (SchemaTable::number). -1: keyword absent.
struct NumberKeywords {
    int32_t minimum = -1, maximum = -1, exclusive_minimum = -1, exclusive_maximum = -1, multiple_of = -1;
};

struct StringKeywords {
    int64_t min_length = 0, max_length = -1;
    int32_t pattern = -1;   // text id
    int32_t format = -1;    // text id of a format that is to be enforced; the reader leaves others out
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
    int32_t pointer = -1;               // text: JSON pointer of the location, or URI for other documents
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

struct ReportEntry {
    int32_t node_pointer;   // text
    int32_t keyword;        // text
    Treatment treatment;
    std::string note;
};

class SchemaTable {
  public:
    std::deque<SchemaNode> nodes;       // a deque: references stay good while synthetic nodes are added
    std::vector<Value> values;
    std::vector<Resource> resources;
    std::vector<ReportEntry> report;
    int32_t root = 0;
    bool dynamic = false;               // some reference depends on the dynamic scope

    const std::string& text(int32_t id) const { return texts_[id]; }
    int32_t texts() const { return static_cast<int32_t>(texts_.size()); }

    int32_t intern(const std::string& text) {
        auto found = text_ids_.emplace(text, static_cast<int32_t>(texts_.size()));
        if (found.second) texts_.push_back(text);
        return found.first->second;
    }

    // The id of a text, or -1 where the schema never mentions it.
    int32_t find(const std::string& text) const {
        auto found = text_ids_.find(text);
        return found == text_ids_.end() ? -1 : found->second;
    }

    int32_t intern(Value value);         // in json_values.h

    int64_t memory() const {
        int64_t bytes = static_cast<int64_t>(nodes.size() * sizeof(SchemaNode) + values.size() * sizeof(Value));
        for (const std::string& t : texts_) bytes += static_cast<int64_t>(t.size()) + 96;
        return bytes;
    }

  private:
    std::vector<std::string> texts_;
    std::unordered_map<std::string, int32_t> text_ids_;
    std::unordered_map<uint64_t, std::vector<int32_t>> value_ids_;
};

}  // namespace guidedgen
