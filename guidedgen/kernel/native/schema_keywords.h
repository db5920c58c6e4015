// The keywords of JSON Schema: which drafts have them, which kinds of values they are about, what the reader does with
// them. Data and look-ups only. Sources: the core and validation documents of drafts 4, 6, 7, 2019-09 and 2020-12.
#pragma once

#include <array>

#include "schema_nodes.h"

namespace guidedgen {

// Mixed: a schema without `$schema`; it may use the keywords of all drafts.
enum Draft : int16_t { kMixed = 0, kDraft4 = 4, kDraft6 = 6, kDraft7 = 7, kDraft2019 = 2019, kDraft2020 = 2020 };

inline bool merges_ref_siblings(Draft draft) { return draft == kMixed || draft >= kDraft2019; }

enum class Keyword : uint8_t {
    Type, Enum, Const, Minimum, Maximum, ExclusiveMinimum, ExclusiveMaximum, MultipleOf, MinLength, MaxLength, Pattern, Format,
    Items, AdditionalItems, PrefixItems, Contains, MinContains, MaxContains, MinItems, MaxItems, UniqueItems, UnevaluatedItems,
    Properties, PatternProperties, AdditionalProperties, PropertyNames, Required, MinProperties, MaxProperties, Dependencies,
    DependentRequired, DependentSchemas, UnevaluatedProperties, AllOf, AnyOf, OneOf, Not, If, Then, Else, Ref, DynamicRef,
    RecursiveRef, Schema, Id, PlainId, Anchor, DynamicAnchor, RecursiveAnchor, Definitions, Defs, Title, Description, Default,
    Examples, Comment, ReadOnly, WriteOnly, ContentEncoding, ContentMediaType, ContentSchema, Vocabulary, Deprecated, XValidated,
    Count
};
constexpr size_t kKeywords = static_cast<size_t>(Keyword::Count);

// What a keyword's subschemas look like, for the search for identifiers and anchors.
enum class Below : uint8_t { Nothing, Schema, List, Map, SchemaOrList };

struct KeywordInfo {
    Keyword keyword;
    std::string_view name;
    uint8_t kinds;          // of the values it is about
    Draft since, until;
    bool validation;        // belongs to the validation vocabulary, which a dialect may lack
    bool annotation;
    Below below;
};

inline const std::array<KeywordInfo, kKeywords>& keyword_table() {
    constexpr Draft D4 = kDraft4, D6 = kDraft6, D7 = kDraft7, D19 = kDraft2019, D20 = kDraft2020;
    constexpr uint8_t any = kAnyType, num = kNumber, str = kString, arr = kArray, obj = kObject;
    using K = Keyword;
    using B = Below;
    static const std::array<KeywordInfo, kKeywords> table = {{
        {K::Type, "type", any, D4, D20, true, false, B::Nothing},
        {K::Enum, "enum", any, D4, D20, true, false, B::Nothing},
        {K::Const, "const", any, D6, D20, true, false, B::Nothing},
        {K::Minimum, "minimum", num, D4, D20, true, false, B::Nothing},
        {K::Maximum, "maximum", num, D4, D20, true, false, B::Nothing},
        {K::ExclusiveMinimum, "exclusiveMinimum", num, D4, D20, true, false, B::Nothing},
        {K::ExclusiveMaximum, "exclusiveMaximum", num, D4, D20, true, false, B::Nothing},
        {K::MultipleOf, "multipleOf", num, D4, D20, true, false, B::Nothing},
        {K::MinLength, "minLength", str, D4, D20, true, false, B::Nothing},
        {K::MaxLength, "maxLength", str, D4, D20, true, false, B::Nothing},
        {K::Pattern, "pattern", str, D4, D20, true, false, B::Nothing},
        {K::Format, "format", str, D4, D20, false, false, B::Nothing},
        {K::Items, "items", arr, D4, D20, false, false, B::SchemaOrList},
        {K::AdditionalItems, "additionalItems", arr, D4, D19, false, false, B::Schema},
        {K::PrefixItems, "prefixItems", arr, D20, D20, false, false, B::List},
        {K::Contains, "contains", arr, D6, D20, false, false, B::Schema},
        {K::MinContains, "minContains", arr, D19, D20, true, false, B::Nothing},
        {K::MaxContains, "maxContains", arr, D19, D20, true, false, B::Nothing},
        {K::MinItems, "minItems", arr, D4, D20, true, false, B::Nothing},
        {K::MaxItems, "maxItems", arr, D4, D20, true, false, B::Nothing},
        {K::UniqueItems, "uniqueItems", arr, D4, D20, true, false, B::Nothing},
        {K::UnevaluatedItems, "unevaluatedItems", arr, D19, D20, false, false, B::Schema},
        {K::Properties, "properties", obj, D4, D20, false, false, B::Map},
        {K::PatternProperties, "patternProperties", obj, D4, D20, false, false, B::Map},
        {K::AdditionalProperties, "additionalProperties", obj, D4, D20, false, false, B::Schema},
        {K::PropertyNames, "propertyNames", obj, D6, D20, false, false, B::Schema},
        {K::Required, "required", obj, D4, D20, true, false, B::Nothing},
        {K::MinProperties, "minProperties", obj, D4, D20, true, false, B::Nothing},
        {K::MaxProperties, "maxProperties", obj, D4, D20, true, false, B::Nothing},
        // 2019-09 split it and let implementations keep it (validation, appendix A); the official suite has it as optional.
        {K::Dependencies, "dependencies", obj, D4, D20, false, false, B::Map},
        {K::DependentRequired, "dependentRequired", obj, D19, D20, true, false, B::Nothing},
        {K::DependentSchemas, "dependentSchemas", obj, D19, D20, false, false, B::Map},
        {K::UnevaluatedProperties, "unevaluatedProperties", obj, D19, D20, false, false, B::Schema},
        {K::AllOf, "allOf", any, D4, D20, false, false, B::List},
        {K::AnyOf, "anyOf", any, D4, D20, false, false, B::List},
        {K::OneOf, "oneOf", any, D4, D20, false, false, B::List},
        {K::Not, "not", any, D4, D20, false, false, B::Schema},
        {K::If, "if", any, D7, D20, false, false, B::Schema},
        {K::Then, "then", any, D7, D20, false, false, B::Schema},
        {K::Else, "else", any, D7, D20, false, false, B::Schema},
        {K::Ref, "$ref", any, D4, D20, false, false, B::Nothing},
        {K::DynamicRef, "$dynamicRef", any, D20, D20, false, false, B::Nothing},
        {K::RecursiveRef, "$recursiveRef", any, D19, D19, false, false, B::Nothing},
        {K::Schema, "$schema", any, D4, D20, false, true, B::Nothing},
        {K::Id, "$id", any, D6, D20, false, true, B::Nothing},
        {K::PlainId, "id", any, D4, D4, false, true, B::Nothing},
        {K::Anchor, "$anchor", any, D19, D20, false, true, B::Nothing},
        {K::DynamicAnchor, "$dynamicAnchor", any, D20, D20, false, true, B::Nothing},
        {K::RecursiveAnchor, "$recursiveAnchor", any, D19, D19, false, true, B::Nothing},
        {K::Definitions, "definitions", any, D4, D20, false, true, B::Map},
        {K::Defs, "$defs", any, D19, D20, false, true, B::Map},
        {K::Title, "title", any, D4, D20, false, true, B::Nothing},
        {K::Description, "description", any, D4, D20, false, true, B::Nothing},
        {K::Default, "default", any, D4, D20, false, true, B::Nothing},
        {K::Examples, "examples", any, D6, D20, false, true, B::Nothing},
        {K::Comment, "$comment", any, D7, D20, false, true, B::Nothing},
        {K::ReadOnly, "readOnly", any, D7, D20, false, true, B::Nothing},
        {K::WriteOnly, "writeOnly", any, D7, D20, false, true, B::Nothing},
        {K::ContentEncoding, "contentEncoding", str, D7, D20, false, true, B::Nothing},
        {K::ContentMediaType, "contentMediaType", str, D7, D20, false, true, B::Nothing},
        {K::ContentSchema, "contentSchema", any, D19, D20, false, true, B::Schema},
        {K::Vocabulary, "$vocabulary", any, D19, D20, false, true, B::Nothing},
        {K::Deprecated, "deprecated", any, D19, D20, false, true, B::Nothing},
        {K::XValidated, "x-validated", any, D4, D20, false, true, B::Nothing},
    }};
    return table;
}

inline const KeywordInfo& info(Keyword keyword) { return keyword_table()[static_cast<size_t>(keyword)]; }

inline bool known_in(const KeywordInfo& keyword, Draft draft) {
    return draft == kMixed || (keyword.since <= draft && draft <= keyword.until);
}

// The keyword of a name, or nothing. Open addressing: one probe for nearly every name.
class KeywordIndex {
  public:
    KeywordIndex() {
        slots_.fill(-1);
        for (const KeywordInfo& known : keyword_table()) {
            size_t at = slot(known.name);
            slots_[at] = static_cast<int16_t>(known.keyword);
        }
    }
    const KeywordInfo* find(std::string_view name) const {
        int16_t id = slots_[slot(name)];
        return id < 0 ? nullptr : &keyword_table()[static_cast<size_t>(id)];
    }
    static const KeywordIndex& instance() {
        static const KeywordIndex index;
        return index;
    }

  private:
    size_t slot(std::string_view name) const {
        size_t at = TextTable::hash_of(name) & (slots_.size() - 1);
        while (slots_[at] >= 0 && name != keyword_table()[static_cast<size_t>(slots_[at])].name) at = (at + 1) & (slots_.size() - 1);
        return at;
    }
    std::array<int16_t, 512> slots_;
};

}  // namespace guidedgen
