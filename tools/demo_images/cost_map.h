#ifndef LOSSGEN_DEMO_COST_MAP_H
#define LOSSGEN_DEMO_COST_MAP_H

#include <string>
#include <vector>

#include "image.h"

namespace demo {

// Images beside what each of their pixels costs, as one SVG. costs: [image][pixel], in bits; there may be more of them.
void write_cost_maps(const std::string &path, const std::vector<Image> &images,
                     const std::vector<std::vector<float>> &costs);

}  // namespace demo
#endif  // LOSSGEN_DEMO_COST_MAP_H
