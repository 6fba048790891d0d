<!DOCTYPE qgis>
<!-- Hints by rank band: yellow, orange, blue, white, from large to small, told apart without
     colour vision by lightness and size; each has a dark rim and a hole, so that the ground
     under the point stays visible. Ranks as labels from 1:15,000 on. For QGIS 3.22 and later. -->
<qgis version="3.22.0" styleCategories="Symbology|Labeling" labelsEnabled="1">
 <renderer-v2 type="RuleRenderer" symbollevels="1" forceraster="0" enableorderby="1">
  <rules key="bands">
   <rule key="band0" label="Best 100" filter="&quot;rank&quot; &lt;= 100" symbol="0"/>
   <rule key="band1" label="Best 1,000" filter="&quot;rank&quot; &gt; 100 AND &quot;rank&quot; &lt;= 1000" symbol="1"/>
   <rule key="band2" label="Best 10,000" filter="&quot;rank&quot; &gt; 1000 AND &quot;rank&quot; &lt;= 10000" symbol="2"/>
   <rule key="band3" label="Others" filter="ELSE" symbol="3"/>
  </rules>
  <symbols>
   <symbol name="0" type="marker" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" pass="3" enabled="1" locked="0">
     <Option type="Map">
      <Option type="QString" name="name" value="circle"/>
      <Option type="QString" name="color" value="0,0,0,0"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_color" value="0,0,0,255"/>
      <Option type="QString" name="outline_width" value="1.1"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
      <Option type="QString" name="size" value="3.4"/>
      <Option type="QString" name="size_unit" value="MM"/>
     </Option>
    </layer>
    <layer class="SimpleMarker" pass="3" enabled="1" locked="0">
     <Option type="Map">
      <Option type="QString" name="name" value="circle"/>
      <Option type="QString" name="color" value="0,0,0,0"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_color" value="240,228,66,255"/>
      <Option type="QString" name="outline_width" value="0.6"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
      <Option type="QString" name="size" value="3.4"/>
      <Option type="QString" name="size_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol name="1" type="marker" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" pass="2" enabled="1" locked="0">
     <Option type="Map">
      <Option type="QString" name="name" value="circle"/>
      <Option type="QString" name="color" value="0,0,0,0"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_color" value="0,0,0,255"/>
      <Option type="QString" name="outline_width" value="1.1"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
      <Option type="QString" name="size" value="2.8"/>
      <Option type="QString" name="size_unit" value="MM"/>
     </Option>
    </layer>
    <layer class="SimpleMarker" pass="2" enabled="1" locked="0">
     <Option type="Map">
      <Option type="QString" name="name" value="circle"/>
      <Option type="QString" name="color" value="0,0,0,0"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_color" value="230,159,0,255"/>
      <Option type="QString" name="outline_width" value="0.6"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
      <Option type="QString" name="size" value="2.8"/>
      <Option type="QString" name="size_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol name="2" type="marker" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" pass="1" enabled="1" locked="0">
     <Option type="Map">
      <Option type="QString" name="name" value="circle"/>
      <Option type="QString" name="color" value="0,0,0,0"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_color" value="0,0,0,255"/>
      <Option type="QString" name="outline_width" value="1.1"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
      <Option type="QString" name="size" value="2.4"/>
      <Option type="QString" name="size_unit" value="MM"/>
     </Option>
    </layer>
    <layer class="SimpleMarker" pass="1" enabled="1" locked="0">
     <Option type="Map">
      <Option type="QString" name="name" value="circle"/>
      <Option type="QString" name="color" value="0,0,0,0"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_color" value="86,180,233,255"/>
      <Option type="QString" name="outline_width" value="0.6"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
      <Option type="QString" name="size" value="2.4"/>
      <Option type="QString" name="size_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol name="3" type="marker" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" pass="0" enabled="1" locked="0">
     <Option type="Map">
      <Option type="QString" name="name" value="circle"/>
      <Option type="QString" name="color" value="0,0,0,0"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_color" value="0,0,0,255"/>
      <Option type="QString" name="outline_width" value="1.1"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
      <Option type="QString" name="size" value="1.8"/>
      <Option type="QString" name="size_unit" value="MM"/>
     </Option>
    </layer>
    <layer class="SimpleMarker" pass="0" enabled="1" locked="0">
     <Option type="Map">
      <Option type="QString" name="name" value="circle"/>
      <Option type="QString" name="color" value="0,0,0,0"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_color" value="255,255,255,255"/>
      <Option type="QString" name="outline_width" value="0.6"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
      <Option type="QString" name="size" value="1.8"/>
      <Option type="QString" name="size_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
  </symbols>
  <orderby>
   <orderByClause asc="0" nullsFirst="0">"rank"</orderByClause>
  </orderby>
 </renderer-v2>
 <labeling type="simple">
  <settings calloutType="simple">
   <text-style fieldName="rank" isExpression="0" fontFamily="Sans" fontSize="10" fontSizeUnit="Point" textColor="255,255,255,255" textOpacity="1" previewBkgrdColor="0,0,0,255">
    <text-buffer bufferDraw="1" bufferSize="0.8" bufferSizeUnits="MM" bufferColor="0,0,0,255" bufferOpacity="1" bufferNoFill="0"/>
   </text-style>
   <placement placement="0" dist="2.2" distUnits="MM" priority="5"/>
   <rendering scaleVisibility="1" scaleMin="1" scaleMax="15000" obstacle="0" drawLabels="1"/>
  </settings>
 </labeling>
</qgis>
