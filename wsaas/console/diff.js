// Finds the lines in which two texts differ.

/** Compare two lists line by line: the longest common part stays, the rest is taken away or added. */
export function diff(before, after) {
  const rows = before.length
  const columns = after.length
  if (rows * columns > 4_000_000) return [...before.map(text => ['-', text]), ...after.map(text => ['+', text])]
  const lengths = Array.from({ length: rows + 1 }, () => new Uint32Array(columns + 1))
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      lengths[i][j] = before[i] === after[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1])
    }
  }
  const lines = []
  let i = 0
  let j = 0
  while (i < rows || j < columns) {
    if (i < rows && j < columns && before[i] === after[j]) {
      lines.push([' ', before[i]])
      i++
      j++
    } else if (j >= columns || (i < rows && lengths[i + 1][j] >= lengths[i][j + 1])) lines.push(['-', before[i++]])
    else lines.push(['+', after[j++]])
  }
  return lines
}
