// What a forward over rows is made of: products with packed matrices, norms, rotations, attention over slots. One table of functions
// for each kind of processor; `row_kernels()` gives that of this one. No function looks at more than its own rows in another order:
// what comes out for a row is the same, bit for bit, whatever else is computed beside it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "row_choice.h"

namespace guidedgen {

enum class Format : int { Float32, Bfloat16, Int8, Int4 };

constexpr int64_t PANEL = 16;  // outputs whose weights lie side by side
constexpr int64_t LINE = 64;   // bytes
constexpr int64_t GROUP = 32;  // inputs that share a scale; widths are rounded up to it

// A matrix [outputs, inputs] as the products read it, from end to end: panel by panel, and in a panel input by input, codes behind their
// scales.
struct MatrixView {
    Format format;
    int64_t outputs;
    int64_t width;        // inputs, rounded up to whole groups
    const uint8_t* data;  // of an input Float32: 16 numbers; Bfloat16: 16, of two inputs; Int8: 16 of code + 128, of four; Int4: of eight
    const float* bias;    // [outputs rounded up to whole panels], or null

    constexpr bool coded() const { return format == Format::Int8 || format == Format::Int4; }
    constexpr int64_t panels() const { return (outputs + PANEL - 1) / PANEL; }
    constexpr int64_t groups() const { return width / GROUP; }

    // Scales fill a line of the cache: 16 halves for each of two groups (Int8), or 16 scales and 16 offsets of one (Int4).
    constexpr int64_t together() const { return format == Format::Int8 ? 2 : 1; }
    constexpr int64_t group_bytes() const {
        const int64_t bits = format == Format::Float32 ? 32 : format == Format::Bfloat16 ? 16 : format == Format::Int8 ? 8 : 4;
        return GROUP * PANEL * bits / 8;
    }
    constexpr int64_t block_bytes() const { return (coded() ? LINE : 0) + together() * group_bytes(); }
    constexpr int64_t panel_bytes() const { return (groups() + together() - 1) / together() * block_bytes(); }
    constexpr int64_t scales_of(int64_t group) const { return group / together() * block_bytes() + group % together() * PANEL * 2; }
    constexpr int64_t codes_of(int64_t group) const {
        return group / together() * block_bytes() + (coded() ? LINE : 0) + group % together() * group_bytes();
    }
};

// Rows as a product reads them: in the matrix's number format, or as codes of eight bits with one scale for each row and group.
struct RowsView {
    uint8_t* data;   // [rows, width] float, bfloat16 or int8
    float* scales;   // [rows, groups]
    float* sums;     // [rows, groups]: of the codes, scaled
    int32_t* shift;  // [rows, groups]: what codes + 128 of a matrix add too much, negated
};

// Keys and values as they are kept. Eight bits: a head's codes, and behind them its scale, a float.
enum class Kept : int { Float32, Bfloat16, Int8 };

inline int64_t kept_bytes(Kept kept, int64_t dim) { return kept == Kept::Float32 ? 4 * dim : kept == Kept::Bfloat16 ? 2 * dim : dim + 4; }

constexpr int64_t MOST_QUERIES = 64;  // rows times heads in one call of `attend`
constexpr int64_t TILE = 16;          // slots that are looked at together

// Slots that rows [row, row + rows) see, in the same places: from `offset` of what they see on, a multiple of TILE. Its own size is one
// too, unless it is the last run of its rows.
struct SlotRun {
    const int64_t* slots;
    int64_t count, row, rows, offset;
};

// Queries of consecutive rows that share a key head. The runs of a row, in their order, are what it sees, oldest first; all rows' begin
// at the first one's offset.
struct Attention {
    int64_t rows, heads, dim;
    const float* query;       // [rows][heads][dim], rows `query_stride` apart
    int64_t query_stride;
    const void* keys;         // slot 0 of this key head
    const void* values;
    int64_t slot_bytes;       // from a slot to the next
    Kept kept;
    const SlotRun* runs;
    int64_t run_count;
    const int64_t* seen;      // [rows]: how many slots its runs have
    const int64_t* hidden;    // [rows]: how many of them, counted from its own first token, it does not see after all; null is none
    float scale;
    float* scores;            // [rows * heads][room]
    int64_t room;             // at least offset and count of all runs, a multiple of TILE
    float* out;               // [rows][heads][dim], rows `out_stride` apart
    int64_t out_stride;
};

// Panels [first, last) of a matrix, and what will be read after them, where that is known: it is asked for while the last ones are multiplied.
struct Panels {
    int64_t first, last;
    const uint8_t* then;
};

struct RowKernels {
    const char* name;
    // One row of `inputs` numbers into row `row` of a view for matrices of this format.
    void (*prepare)(Format format, const float* from, int64_t inputs, int64_t width, const RowsView& to, int64_t row);
    // Some panels of all rows: out[row * stride + output] = or += product (+ bias).
    void (*multiply)(const MatrixView& matrix, const RowsView& rows, int64_t count, const Panels& panels, float* out, int64_t stride, bool add);
    void (*norm)(const float* from, const float* weight, int64_t count, float epsilon, float* to);
    // Rotary embedding of `heads` heads in place; `sines` with the first half negated.
    void (*rotate)(float* heads, int64_t count, int64_t dim, const float* cosines, const float* sines);
    void (*keep)(const float* from, void* to, int64_t heads, int64_t dim, Kept kept);  // one row's keys or values
    void (*attend)(const Attention& what);
    void (*gate)(const float* gate_up, int64_t count, float* to);  // silu(gate) * up
    RowSums (*judge)(const MaskedRow& row);
    // A token from the allowed ones: temperature, top-k, top-p and min-p in this order, then inversion of a number in [0, 1).
    Drawn (*draw)(const MaskedRow& row, const RowSums& sums, const ChoiceCuts& cuts, double uniform, const ChoiceRoom& room);
};

// The best table that this processor can run, or the one of that name; null where it cannot.
const RowKernels* row_kernels(const std::string& name = "");

// Names of the tables that this processor can run, best first.
std::vector<std::string> row_kernel_names();

}  // namespace guidedgen
