<!DOCTYPE qgis>
<!-- Probable lines: black with a white core, readable on dark and light imagery. -->
<qgis version="3.22.0" styleCategories="Symbology">
 <renderer-v2 type="singleSymbol" symbollevels="0" forceraster="0" enableorderby="0">
  <symbols>
   <symbol name="0" type="line" alpha="0.9" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" pass="0" enabled="1" locked="0">
     <Option type="Map">
      <Option type="QString" name="line_color" value="0,0,0,255"/>
      <Option type="QString" name="line_style" value="solid"/>
      <Option type="QString" name="line_width" value="0.9"/>
      <Option type="QString" name="line_width_unit" value="MM"/>
     </Option>
    </layer>
    <layer class="SimpleLine" pass="0" enabled="1" locked="0">
     <Option type="Map">
      <Option type="QString" name="line_color" value="255,255,255,255"/>
      <Option type="QString" name="line_style" value="dash"/>
      <Option type="QString" name="line_width" value="0.35"/>
      <Option type="QString" name="line_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
  </symbols>
 </renderer-v2>
</qgis>
